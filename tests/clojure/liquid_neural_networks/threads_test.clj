(ns liquid-neural-networks.threads-test
  "Many threads at once, and many calls in a row."
  (:require [clojure.string :as str]
            [clojure.test :refer [deftest is testing]]
            [liquid-neural-networks.core :as lnn]
            [liquid-neural-networks.helpers :refer [error small wave]]
            [liquid-neural-networks.runtime :as runtime])
  (:import [liquid_neural_networks.core Network]
           [liquid_neural_networks.runtime Owned]))

(set! *warn-on-reflection* true)

(deftest threads-may-call-at-once
  (let [network (small {:hidden-size 16})
        inputs (:inputs (wave 4))
        expected (lnn/forward network inputs)
        work (fn [n]
               (dotimes [i 40]
                 (case (int (mod (+ i n) 4))
                   0 (assert (= expected (lnn/forward network inputs)))
                   1 (lnn/create-network {:input-size 1 :hidden-size 4 :output-size 1})
                   2 (assert (= :domain-error (:type (error (lnn/forward network [[##NaN]])))))
                   3 (lnn/trace network inputs)))
               :done)
        training (future (lnn/train! (small) (wave 20) {:epochs 30 :progress false}))
        threads (doall (for [n (range 6)] (future (work n))))]
    (is (= (repeat 6 :done) (map #(deref % 60000 :late) threads)))
    (is (= 30 (:epochs (deref training 60000 nil))))
    (is (= (repeat 8 expected) (pmap (fn [_] (lnn/forward network inputs)) (range 8))))))

(defn- resident-bytes []
  (with-open [file (java.io.RandomAccessFile. "/proc/self/statm" "r")]
    (let [[_ pages] (str/split (.readLine file) #" ")]
      (* 4096 (parse-long pages)))))

(defn- used-bytes []
  (System/gc)
  (Thread/sleep 50)
  (System/gc)
  (let [runtime (Runtime/getRuntime)] (- (.totalMemory runtime) (.freeMemory runtime))))

(deftest many-calls-do-not-grow-memory
  (let [network (small)
        inputs [[[0.1] [0.2] [0.3]]]
        call #(dotimes [_ %]
                (lnn/forward network inputs)
                (lnn/forward network {:shape [1 3 1] :data (float-array 3)} nil {:as :float-array}))
        grown (fn [measure]
                (let [before (measure)]
                  (call 5000)
                  (- (measure) before)))]
    (call 3000)
    (is (< (grown used-bytes) 8e6) "on the JVM")
    (when (.exists (java.io.File. "/proc/self/statm"))
      (is (< (grown resident-bytes) 30e6) "in the process"))))

(defn- handle-of-a-network-nobody-holds []
  (.-handle ^Owned (.-owned ^Network (small))))

(deftest networks-nobody-holds-are-let-go
  (let [handle (handle-of-a-network-nobody-holds)
        gone? #(= :domain-error (:type (error (runtime/call "describe" [handle]))))]
    (is (loop [tries 100]
          (System/gc)
          (Thread/sleep 20)
          (cond (gone?) true
                (pos? tries) (recur (dec tries)))))))
