(ns ^:no-doc liquid-neural-networks.runtime
  "The life of Python in this process: started when first needed, called from any thread, and
  out of the way when the JVM ends."
  (:require [liquid-neural-networks.environment :as environment]
            [liquid-neural-networks.errors :as errors])
  (:import [com.sun.jna Function Native Platform]
           [java.lang.ref Cleaner Reference]
           [java.nio ByteBuffer]
           [java.util.concurrent ConcurrentHashMap ConcurrentLinkedQueue TimeUnit]
           [java.util.concurrent.locks ReentrantReadWriteLock]))

(set! *warn-on-reflection* true)

;; Calls hold the read lock; the shutdown hook takes the write lock, so that no thread is inside
;; Python when the JVM ends, which would hang.
(defonce ^:private ^ReentrantReadWriteLock calls (ReentrantReadWriteLock.))

(defonce ^:private running (atom nil))

(def ^:private grace-seconds 4)

;; -- shutdown ------------------------------------------------------------------------------

;; A key of its own -> the flag of a training; buffers compare by content, so are no keys.
(defonce ^:private ^ConcurrentHashMap trainings (ConcurrentHashMap.))

(defn stop-trainings!
  "Asks every training under way to stop at its next step; how many there are."
  []
  (let [flags (vec (.values trainings))]
    (doseq [^ByteBuffer flag flags] (.put flag 0 (byte 1)))
    (count flags)))

(defn with-stop-flag
  "Calls `f` with a direct buffer of one byte that becomes 1 when the training is to stop."
  [f]
  (let [flag (ByteBuffer/allocateDirect 1) key (Object.)]
    (.put trainings key flag)
    (try (f flag) (finally (.remove trainings key)))))

(defn- shut-down []
  (stop-trainings!)
  (when-not (.tryLock (.writeLock calls) grace-seconds TimeUnit/SECONDS)
    (.println System/err "liquid-neural-networks: Python is still busy; ending without it")
    ;; Runtime/halt would run the exit handlers of C, and wait for Python too.
    (.invoke (Function/getFunction Platform/C_LIBRARY_NAME "_exit") (object-array [(int 1)]))))

(defonce ^:private shutdown-hook
  (delay (.addShutdownHook (Runtime/getRuntime) (Thread. ^Runnable shut-down "lnn-shutdown"))))

;; -- start ---------------------------------------------------------------------------------

(defn- python [function]
  (requiring-resolve (symbol "liquid-neural-networks.python" (name function))))

(defn- checked [result]
  (if-let [error (get result "error")]
    (throw (errors/python-error error))
    (get result "ok")))

(defmacro ^:private outside-shutdown
  "Runs the body, during which the JVM waits before it ends; never again once it is ending."
  [& body]
  `(do (.lock (.readLock calls))
       (try ~@body (finally (.unlock (.readLock calls))))))

(defn- import-interop [executable]
  (try
    ((python :import-module) "liquid_neural_networks.interop")
    (catch Exception e
      (throw (errors/error
              :python-environment nil
              (str "Python runs, but cannot import liquid_neural_networks: " (ex-message e))
              {:executable executable})))))

(defn- check-versions
  "That what runs is what was found; something else in this process may have been first."
  [found answer facts]
  (doseq [[what wanted got] [["the Python package" environment/version (facts "version")]
                             ["Python" (:python found) (facts "python")]]
          :when (not= wanted got)]
    (throw (errors/error
            :python-environment nil
            (str "version " got " of " what " runs, and " wanted " is needed"
                 (when (= answer :already-initialized) "; something else started Python first"))
            {:prefix (facts "prefix")}))))

(defn- start! [explicit]
  (let [{:keys [executable library] :as found} (environment/find-python explicit)]
    @shutdown-hook
    (outside-shutdown
     (let [answer ((python :start!) {:python-executable executable :library-path library})
           module (import-interop executable)
           call @(python :call)
           facts (checked (call module "version" []))]
       (check-versions found answer facts)
       {:module module :call call :call-fast @(python :call-fast)
        :executable executable :facts facts}))))

(defn initialize!
  "Starts Python once; see `liquid-neural-networks.core/initialize!`."
  ([] (or @running (initialize! nil)))
  ([explicit]
   (locking running
     (let [{:keys [executable] :as now} @running]
       (cond
         (nil? now) (reset! running (start! explicit))
         (or (nil? explicit) (= executable (:executable (environment/examine explicit)))) now
         :else (throw (errors/error
                       :python-environment :python-executable
                       (str "Python already runs, from " executable
                            "; a process can have only one")
                       {:executable executable})))))))

;; -- calls ---------------------------------------------------------------------------------

(defonce ^:private ^ConcurrentLinkedQueue abandoned (ConcurrentLinkedQueue.))

(declare call)

(defn release!
  "Lets go of what Python keeps for these handles."
  [handles]
  (call "release" [(vec handles)]))

(defn- release-abandoned! []
  (loop [handles []]
    (if-let [handle (.poll abandoned)]
      (recur (conj handles handle))
      (when (seq handles) (release! handles)))))

(defn call
  "Calls a function of interop with plain data and returns plain data.

  Throws what Python raised as an ex-info."
  [function arguments]
  (let [{:keys [module call]} (initialize!)]
    (when-not (.isEmpty abandoned) (release-abandoned!))
    (outside-shutdown (checked (call module function arguments)))))

(defn callable
  "A Python callable of a function of scalars; for ever, so not one per call."
  [f]
  (initialize!)
  ((python :callable) f))

(defonce ^:private ^Cleaner cleaner (Cleaner/create))

(deftype Owned [handle])

(defn own
  "An object that stands for a handle; Python lets go some time after nothing refers to it."
  ^Owned [handle]
  (let [owned (Owned. handle)]
    ;; Not from the cleaner's own thread: waiting for Python there could hold up the exit.
    (.register cleaner owned (fn [] (.add abandoned handle)))
    owned))

(defn call-on
  "`call` with the handle of an owned thing first, which stays alive meanwhile."
  [^Owned owned function & arguments]
  (try
    (call function (cons (.-handle owned) arguments))
    (finally (Reference/reachabilityFence owned))))

(defn fast
  "A function of interop for `call-fast`; to be closed."
  ^java.lang.AutoCloseable [function]
  ((python :fast) (:module (initialize!)) function))

(defn call-fast
  "Calls what `fast` made with the handle of an owned thing and two scalars. Not from two threads
  at once."
  [function ^Owned owned a b]
  (let [{:keys [call-fast]} @running]
    (try
      (outside-shutdown (some-> (call-fast function (.-handle owned) a b) checked))
      (finally (Reference/reachabilityFence owned)))))

(defn address
  "Of a direct buffer's memory."
  ^long [^java.nio.Buffer buffer]
  (com.sun.jna.Pointer/nativeValue (Native/getDirectBufferPointer buffer)))
