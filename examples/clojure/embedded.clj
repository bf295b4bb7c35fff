(ns embedded
  "Control in real time: a network of 19 neurons learns to balance a pole from a teacher who sees
  everything, then does it by itself, one sample at a time, seeing angles and positions only, at
  irregular moments.

      clojure -M:dev -m embedded [epochs]"
  (:require [liquid-neural-networks.core :as lnn]))

;; A cart of 1 kg that carries a pole of 0.1 kg and half a metre; angles from upright.

(defn- moved
  "The state after pushing the cart with a force for so many seconds."
  [[x speed angle spin] force seconds]
  (let [steps 10 h (/ seconds steps)]
    (nth (iterate
          (fn [[x speed angle spin]]
            (let [push (/ (+ force (* 0.05 spin spin (Math/sin angle))) 1.1)
                  turn (/ (- (* 9.81 (Math/sin angle)) (* push (Math/cos angle)))
                          (* 0.5 (- 4/3 (/ (* 0.1 (Math/pow (Math/cos angle) 2)) 1.1))))
                  pull (- push (/ (* 0.05 turn (Math/cos angle)) 1.1))]
              [(+ x (* h speed)) (+ speed (* h pull)) (+ angle (* h spin)) (+ spin (* h turn))]))
          [x speed angle spin])
         steps)))

(defn- teacher
  "The force of one who sees everything."
  [[x speed angle spin]]
  (+ (* 1.0 x) (* 2.0 speed) (* 30.0 angle) (* 6.0 spin)))

(def ^:private force-unit 10.0)
(def ^:private time-unit "Seconds; neurons start out with time constants of about one." 0.03)

(defn- seen [[x _ angle _]] [x (* 8 angle)])

(defn- start [^java.util.Random random]
  [(* 0.3 (.nextGaussian random)) 0.0 (* 0.1 (.nextGaussian random)) 0.0])

(defn- wait
  "Seconds until the next sample: 10 to 50 ms."
  [^java.util.Random random]
  (+ 0.01 (* 0.04 (.nextDouble random))))

(defn- lesson
  "One run of the teacher, whose hand shakes so that the pupil sees mistakes being mended."
  [random samples]
  (loop [state (start random) waited 0.02 left samples rows []]
    (if (zero? left)
      rows
      (let [force (teacher state)
            next-wait (wait random)
            shaken (+ force (* 3.0 (.nextGaussian ^java.util.Random random)))]
        (recur (moved state shaken next-wait) next-wait (dec left)
               (conj rows {:sample (seen state)
                           :waited (/ waited time-unit)
                           :target [(/ force force-unit)]}))))))

(defn- demonstrations [seed runs]
  (let [random (java.util.Random. seed)
        runs (vec (repeatedly runs #(lesson random 64)))
        column (fn [key] (mapv #(mapv key %) runs))]
    {:inputs (column :sample) :targets (column :target) :elapsed-time (column :waited)}))

(defn balance
  "Seconds the network keeps a pole up, at most 20."
  [network seed]
  (let [random (java.util.Random. seed)]
    (with-open [live (lnn/stream network)]
      (loop [[_ _ angle _ :as state] (start random) waited 0.02 seconds 0.0]
        (if (or (< 0.8 (Math/abs angle)) (< 20 seconds))
          seconds
          (let [[output] (lnn/step! live (seen state) (/ waited time-unit))
                next-wait (wait random)]
            (recur (moved state (* force-unit output) next-wait) next-wait
                   (+ seconds next-wait))))))))

(defn -main [& [epochs]]
  (let [pilot (lnn/create-network {:input-size 2 :seed 1
                                   :wiring {:type :ncp :inter 12 :command 6 :motor 1}})
        mean #(/ (reduce + %) (count %))
        trial #(mean (map (partial balance pilot) (range 10)))]
    (println (format "untrained, it keeps the pole up for %.1f s of 20" (trial)))
    (lnn/train! pilot (demonstrations 1 200) {:valid (demonstrations 2 40) :schedule :cosine
                                       :epochs (parse-long (or epochs "60"))})
    (println (format "trained, for %.1f s of 20, from 10 starts it never saw" (trial)))
    (lnn/save pilot "pilot.lnn")))
