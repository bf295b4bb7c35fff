(ns liquid-neural-networks.threads-test
  "Many threads at once, and many calls in a row."
  (:require [clojure.string :as str]
            [clojure.test :refer [deftest is]]
            [liquid-neural-networks.core :as lnn]
            [liquid-neural-networks.helpers :refer [clojure-process close? error finish small wave]]
            [liquid-neural-networks.runtime :as runtime]
            [liquid-neural-networks.test-runner :refer [skip!]])
  (:import [java.util.concurrent.atomic AtomicLong]))

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
                   2 (assert (= :domain-error (:type (error (lnn/forward network [[##Inf]])))))
                   3 (lnn/trace network inputs)))
               :done)
        training (future (lnn/train! (small) (wave 20) {:epochs 30 :progress false}))
        threads (doall (for [n (range 6)] (future (work n))))]
    (is (= (repeat 6 :done) (map #(deref % 60000 :late) threads)))
    (is (= 30 (:epochs (deref training 60000 nil))))
    (is (= (repeat 8 expected) (pmap (fn [_] (lnn/forward network inputs)) (range 8))))))

(deftest threads-may-step-and-end
  (let [network (small)
        inputs [[0.1] [nil] [0.3]]
        expected (lnn/forward network inputs)
        steps (fn [] (with-open [live (lnn/stream network)] (mapv #(lnn/step! live %) inputs)))
        threads (repeatedly 100 (fn [] (let [found (promise)]
                                         (doto (Thread. ^Runnable #(deliver found (steps)))
                                           .start
                                           .join)
                                         (deref found 1000 nil))))]
    (is (every? #(close? 1e-6 expected %) threads))
    (is (every? #(close? 1e-6 expected %) (pmap (fn [_] (steps)) (range 32))))))

(def ^:private many-calls
  "Prints the heap used and the memory of the process, in bytes, before and after 10,000 calls
  from 16 threads, whose results have to be those of one."
  '(do
     (require '[liquid-neural-networks.core :as lnn])
     (lnn/initialize! {:threads 1})
     (let [network (lnn/create-network {:input-size 1 :hidden-size 6 :output-size 1})
           small [[[0.1] [0.2] [0.3]]]
           ;; More than a thread's memory holds.
           large {:shape [300 300 1] :data (float-array (range 0 1 1/90000))}
           expected (lnn/forward network small)
           total (fn [outputs] (reduce + (map double outputs)))
           expected-total (total (lnn/forward network large nil {:as :float-array}))
           work (fn [n]
                  (dotimes [i n]
                    (assert (= expected (lnn/forward network small)))
                    (when (zero? (mod i 200))
                      (System/gc)
                      (assert (= expected-total
                                 (total (lnn/forward network large nil {:as :float-array})))))))
           calls (fn [n] (run! deref (doall (repeatedly 16 (fn [] (future (work (quot n 16))))))))
           heap (fn []
                  (System/gc)
                  (let [runtime (Runtime/getRuntime)]
                    (- (.totalMemory runtime) (.freeMemory runtime))))
           process (fn []
                     (with-open [file (java.io.RandomAccessFile. "/proc/self/statm" "r")]
                       (* 4096 (Long/parseLong (second (.split (.readLine file) " "))))))]
       (calls 3200)
       (prn (heap) (process))
       (calls 10000)
       (prn (heap) (process))
       (calls 10000)
       (prn (heap) (process))
       (System/exit 0))))

(deftest many-calls-do-not-grow-memory
  (if-not (.exists (java.io.File. "/proc/self/statm"))
    (skip! "memory" "this system has no /proc")
    (let [{:keys [exit out]}
          ;; A heap of fixed size that is touched at once, so that only leaks grow the process.
          (finish (clojure-process {"JAVA_TOOL_OPTIONS" "-Xms256m -Xmx256m -XX:+AlwaysPreTouch"}
                                   (pr-str many-calls))
                  300)
          measured (for [line (take-last 3 (str/split-lines out))]
                     (map parse-long (str/split line #" ")))
          ;; A leak grows each time; what threads keep for later calls, at most once.
          grown (fn [place]
                  (apply min (map - (map #(nth % place) (rest measured)) (map #(nth % place) measured))))]
      (is (= 0 exit) out)
      (is (< (grown 0) 8e6) "on the JVM")
      (is (< (grown 1) 30e6) "in the process"))))

(defn- handle-of-a-network-nobody-holds []
  (.get ^AtomicLong (::lnn/network (small))))

(deftest networks-nobody-holds-are-let-go
  (let [handle (handle-of-a-network-nobody-holds)
        gone? #(= :domain-error (:type (error (runtime/call "describe" [handle]))))]
    (is (loop [tries 100]
          (System/gc)
          (Thread/sleep 20)
          (cond (gone?) true
                (pos? tries) (recur (dec tries)))))))
