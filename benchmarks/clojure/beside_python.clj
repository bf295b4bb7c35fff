(ns beside-python
  "What a call from Clojure costs beside the same call from Python, in one process.

  Pairs are measured one after the other, so a busy machine slows both; the medians of the
  pairs' differences and ratios are printed, and written as JSON to the file that is named."
  (:require [clojure.data.json :as json]
            [clojure.java.io :as io]
            [liquid-neural-networks.core :as lnn]
            [libpython-clj2.python :as py]))

(defn- nanoseconds [f]
  (let [start (System/nanoTime)]
    (f)
    (- (System/nanoTime) start)))

(defn- median [values]
  (nth (sort values) (quot (count values) 2)))

(defn- measure
  "Medians over pairs, in microseconds: of Clojure, of Python, and of the difference."
  [pairs f peer]
  (dotimes [_ pairs] (f) (peer))
  (let [measured (doall (repeatedly pairs #(vector (nanoseconds f) (peer))))
        micro #(/ % 1e3)]
    {:clojure (micro (median (map first measured)))
     :python (micro (median (map second measured)))
     :difference (micro (median (map (fn [[a b]] (- a b)) measured)))
     :ratio (double (median (map (fn [[a b]] (/ a b)) measured)))}))

(defn- rows [peer]
  (let [network (lnn/create-network {:input-size 10 :hidden-size 32 :output-size 2 :seed 1})
        pilot (lnn/create-network {:input-size 10 :seed 1
                                   :wiring {:type :ncp :inter 12 :command 6 :motor 1}})
        random (java.util.Random. 0)
        numbers (float-array (repeatedly (* 32 32 10) #(.nextFloat random)))
        flat {:shape [32 32 10] :data numbers}
        nested (mapv (fn [sequence] (mapv #(mapv double %) (partition 10 sequence)))
                     (partition 320 numbers))
        sample (double-array 10 0.1)
        one {:shape [1 1 10] :data (float-array 10 0.1)}
        forward #(peer "forward")
        live (lnn/stream pilot)
        options {:method :exact :learning-rate 0.001}
        learner (lnn/learner pilot options)
        guarded (lnn/guarded pilot {:learner options})
        learn (fn [live] (lnn/step! live sample 0.02) (lnn/learn! live 0.4))
        at-most (fn [most] [(str "at most " most " x Python") (fn [{:keys [ratio]}] (<= ratio most))])]
    (for [[name measured target]
          [["forward (1, 1, 10), a float array in and out"
            (measure 2000 #(lnn/forward network one nil {:as :float-array}) #(peer "small")) 2.0]
           ["forward (1, 1, 10), nested vectors"
            (measure 2000 #(lnn/forward network [[[0.1 0.1 0.1 0.1 0.1 0.1 0.1 0.1 0.1 0.1]]])
                     #(peer "small")) 2.0]
           ["forward (32, 32, 10), a float array in and out"
            (measure 300 #(lnn/forward network flat nil {:as :float-array}) forward) 1.2]
           ["forward (32, 32, 10), nested vectors"
            (measure 300 #(lnn/forward network nested) forward) 1.5]
           ["step! of 19 neurons, an array in"
            (measure 20000 #(lnn/step! live sample 0.02) #(peer "step")) 2.0]
           ["step! of 19 neurons, a vector in"
            (measure 20000 #(lnn/step! live [0.1 0.1 0.1 0.1 0.1 0.1 0.1 0.1 0.1 0.1] 0.02)
                     #(peer "step")) 2.0]
           ["step! of 19 neurons, on another thread"
            @(future (measure 20000 #(lnn/step! live sample 0.02) #(peer "step"))) 2.0]
           ["step! and learn! of 19 neurons"
            (measure 5000 #(learn learner) #(peer "learn")) 2.0]
           ["the same under guard"
            (measure 5000 #(learn guarded) #(peer "guarded")) 2.0]]]
      (into [name measured] (at-most target)))))

(defn- versions
  "What runs, in one line."
  []
  (let [{:keys [python torch instruction-set]} (lnn/initialize! {:threads 1})]
    (str "libpython-clj: " (if (ns-resolve 'libpython-clj2.python 'stand-in)
                             "the stand-in of the tests" "the real one")
         "; JDK " (System/getProperty "java.version") ", Clojure " (clojure-version)
         ", Python " python ", torch " torch ", " instruction-set ", one thread")))

(defn- print-row [[name {:keys [clojure python difference ratio] :as measured} target met?]]
  (println (format "%-47s %9.1f %9.1f %11.1f %6.2f  %s: %s" name clojure python difference ratio
                   target (if (met? measured) "met" "missed"))))

(defn -main [file]
  (let [machine (versions)
        module (py/import-module "python_side")
        measured (rows (fn [name] (py/call-attr module "nanoseconds" name)))]
    (println machine)
    (println "32 neurons; medians of pairs, in microseconds")
    (println (format "%-47s %9s %9s %11s %6s  %s" "" "Clojure" "Python" "difference" "ratio" "target"))
    (run! print-row measured)
    (io/make-parents file)
    (spit file (json/write-str {:machine machine
                                :microseconds (into {} (map (juxt first second)) measured)}))
    (println "results:" file)))
