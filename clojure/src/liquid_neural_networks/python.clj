(ns ^:no-doc liquid-neural-networks.python
  "The only namespace that knows libpython-clj. Loading it takes seconds, so `runtime` does
  that when Python is first needed."
  (:require [libpython-clj2.python :as py])
  (:import [clojure.lang Agent]
           [java.util.concurrent Executors ThreadFactory]))

(set! *warn-on-reflection* true)

(defn- with-daemon-futures
  "Calls `f` while futures run on threads that do not keep the JVM alive."
  [f]
  (let [usual Agent/soloExecutor]
    (set-agent-send-off-executor!
     (Executors/newCachedThreadPool
      (reify ThreadFactory
        (newThread [_ task] (doto (Thread. task) (.setDaemon true))))))
    (try (f) (finally (set-agent-send-off-executor! usual)))))

(defn start!
  "Starts the interpreter in this process, unless one runs already."
  [{:keys [python-executable library-path]}]
  ;; libpython-clj asks the executable through clojure.java.shell, whose futures would keep a
  ;; script that has ended alive for a minute. And Python's own handler of SIGINT would take
  ;; Ctrl-C away from the JVM.
  (with-daemon-futures
    #(py/initialize! :python-executable python-executable
                     :library-path library-path
                     :signals? false)))

(defn import-module [name] (py/import-module name))

(defn attribute
  "A string or number that a module has."
  [module name]
  (py/get-attr module name))

(defn call
  "A string or number that a function of a module returns, of no arguments."
  [module function]
  (py/call-attr module function))
