(ns liquid-neural-networks.exit-test
  "How the JVM ends while Python is busy: at once, with the best network saved."
  (:require [clojure.java.io :as io]
            [clojure.test :refer [deftest is]]
            [liquid-neural-networks.core :as lnn]
            [liquid-neural-networks.helpers :refer [clojure-process finish temporary]])
  (:import [java.io BufferedReader InputStreamReader]))

(set! *warn-on-reflection* true)

(defn- training-code
  "A training that would take for ever; it prints a line when the first epoch is done."
  [path around]
  (format "
(require '[liquid-neural-networks.core :as lnn])
(lnn/initialize! {:threads 1})
(def network (lnn/create-network {:input-size 1 :hidden-size 64 :output-size 1 :seed 1}))
(def rows (vec (repeat 64 (vec (repeatedly 32 (fn [] [(rand)]))))))
(defn train []
  (lnn/train! network {:inputs rows :targets rows}
              {:epochs 1000000 :progress false :save-to \"%s\"
               :on-epoch (fn [{:keys [epoch]}] (when (= 2 epoch) (println \"training\") (flush)))}))
%s" path around))

(defn- await-training [^Process process]
  (let [reader (BufferedReader. (InputStreamReader. (.getInputStream process)))]
    (loop [seen []]
      (let [line (.readLine reader)]
        (cond
          (nil? line) (throw (ex-info (str "it ended early: " seen) {}))
          (= "training" line) nil
          :else (recur (conj seen line)))))))

(defn- signal! [name ^Process process]
  (-> (ProcessBuilder. ^java.util.List (list "kill" (str "-" name) (str (.pid process))))
      .start
      .waitFor))

(defn- say!
  "A line on a process's standard input."
  [^Process process]
  (doto (.getOutputStream process)
    (.write (int \newline))
    (.flush)))

(defn- exits
  "Starts trainings, does something to the process of each, looks at what is left of it, and
  returns how each ended. `cases` are [how it is trained, what is done]."
  [& cases]
  (let [started (doall (for [[around act] cases]
                         (let [path (temporary "best.lnn")]
                           [path act (clojure-process {} (training-code path around))])))]
    (doall
     (for [[path act process] started]
       (do (await-training process)
           (act process)
           (let [{:keys [exit seconds]} (finish process 20)]
             (is (not= :timeout exit))
             (is (< seconds 5))
             (is (lnn/network? (lnn/load-network (io/file path))))
             exit))))))

(deftest while-training-in-the-foreground
  (is (= [143 130 7]
         (exits ["(train)" #(signal! "TERM" %)]
                ["(train)" #(signal! "INT" %)]
                ["(future (read-line) (System/exit 7)) (train)" say!]))))

(deftest while-training-in-a-future
  (is (= [143 130 7]
         (exits ["(future (train)) @(promise)" #(signal! "TERM" %)]
                ["(future (train)) @(promise)" #(signal! "INT" %)]
                ["(future (train)) (read-line) (System/exit 7)" say!]))))

(deftest exit-from-the-callback
  ;; The training waits for its callback, and holds up nothing.
  (let [path (temporary "best.lnn")
        {:keys [exit out]}
        (finish (clojure-process
                 {} (str "(require '[liquid-neural-networks.core :as lnn])"
                         "(def network (lnn/create-network {:input-size 1 :hidden-size 4 :output-size 1}))"
                         "(lnn/train! network {:inputs [[[1] [2]]] :targets [[[1] [2]]]}"
                         "  {:progress false :save-to " (pr-str path)
                         "   :on-epoch (fn [_] (System/exit 3))})"))
                60)]
    (is (= 3 exit) out)
    (is (lnn/network? (lnn/load-network path)))))

(deftest exit-while-a-call-takes-long
  ;; Nothing asks it to stop, so the end waits for it a while, and then no longer.
  (let [{:keys [exit out]}
        (finish (clojure-process
                 {} (str "(require '[liquid-neural-networks.core :as lnn])"
                         "(lnn/initialize! {:threads 1})"
                         ;; Minutes in one call, whatever the machine.
                         "(def network (lnn/create-network {:input-size 1 :hidden-size 64"
                         "                                  :output-size 1 :unfolds 100000}))"
                         "(future (lnn/forward network [(vec (repeat 200 [0.5]))]))"
                         "(Thread/sleep 500)"
                         "(System/exit 3)"))
                60)]
    (is (= 1 exit))
    (is (re-find #"Python is still busy" out))))

(deftest a-script-that-ends-does-not-linger
  (let [process (clojure-process
                 {} (str "(require '[liquid-neural-networks.core :as lnn])"
                         "(def network (lnn/create-network {:input-size 1 :hidden-size 4 :output-size 1}))"
                         "(lnn/train! network {:inputs [[[1] [2]]] :targets [[[1] [2]]]}"
                         "            {:epochs 2 :progress false})"
                         "(println \"training\") (flush)"))]
    (await-training process)
    (let [{:keys [exit seconds]} (finish process 30)]
      (is (= 0 exit))
      (is (< seconds 5)))))

(deftest ctrl-c-at-the-repl-stops-the-training-not-the-repl
  (let [path (temporary "best.lnn")
        process (clojure-process
                 {} (str "(load-file " (pr-str (str (io/file liquid-neural-networks.helpers/root
                                                             "clojure/dev/user.clj"))) ")"
                         (training-code path "(println (:ended (train))) (flush)
                                              (println (+ 1 2)) (flush)")))]
    (await-training process)
    (signal! "INT" process)
    (let [{:keys [exit out]} (finish process 30)]
      (is (= 0 exit))
      (is (re-find #"(?s):stopped.*3" out)))))
