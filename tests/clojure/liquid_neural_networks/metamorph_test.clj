(ns liquid-neural-networks.metamorph-test
  "Models of metamorph.ml, over the library itself where it is there, else over the stand-in."
  (:require [clojure.java.io :as io]
            [clojure.string :as str]
            [clojure.test :refer [deftest is testing]]
            [liquid-neural-networks.core :as lnn]
            [liquid-neural-networks.helpers :refer [clojure-process finish temporary]]
            [liquid-neural-networks.test-runner :refer [skip!]]))

(def ^:private there?
  (try (require 'scicloj.metamorph.ml 'tech.v3.dataset.modelling 'liquid-neural-networks.metamorph)
       true
       (catch java.io.FileNotFoundException _ false)))

(defn- ml [name & arguments]
  (apply (requiring-resolve (symbol "scicloj.metamorph.ml" name)) arguments))

(defn- data-set
  "Rows from one on, of two features and what is to be predicted of them."
  [from to]
  (let [rows (range from to)
        wave #(Math/sin (* 0.2 %))]
    ((requiring-resolve 'tech.v3.dataset/->dataset)
     (array-map :wave (mapv wave rows)
                :other (mapv #(Math/cos (* 0.2 %)) rows)
                :sum (mapv #(+ (wave %) (* 0.5 (wave (dec %)))) rows)
                :label (mapv #(if (pos? (wave %)) "up" "down") rows)
                :flag (mapv #(if (pos? (wave %)) 1 0) rows)))))

(defn- with-target [table target]
  (let [select (requiring-resolve 'tech.v3.dataset/select-columns)]
    ((requiring-resolve 'tech.v3.dataset.modelling/set-inference-target)
     (select table [:wave :other target]) [target])))

(def ^:private options {:hidden-size 8 :epochs 40 :window 16 :valid 0.2})

(defn- trained [model target]
  (ml "train" (with-target (data-set 1 300) target)
      (assoc options :model-type (keyword "liquid-neural-networks" model))))

(defn- mean-square [a b]
  (/ (reduce + (map #(let [d (- %1 %2)] (* d d)) a b)) (count a)))

(defn- run-tests [f]
  (if there? (f) (skip! "metamorph.ml" "it is not on the class path")))

(deftest a-regression
  (run-tests
   #(let [model (trained "regression" :sum)
          newer (with-target (data-set 300 400) :sum)
          predicted (ml "predict" newer model)
          actual (vec (:sum newer))]
      (is (= [:sum] (keys predicted)))
      (is (= :prediction (:column-type (meta (:sum predicted)))))
      (is (< (mean-square (drop 5 (:sum predicted)) (drop 5 actual)) (* 0.1 (mean-square actual (repeat 0.0)))))
      (testing "and what is known of it"
        (let [found (ml "glance" model)]
          (is (= #{:r.squared :mse :mae :n} (set (keys found))))
          (is (< 0.5 (first (:r.squared found))))
          (is (= [(-> model :model-data :test :count)] (vec (:n found)))))
        (let [{:keys [term estimate]} (ml "tidy" model)]
          (is (= (count term) (count estimate)
                 (:parameters (:network (ml "thaw-model" model)))))
          (is (contains? (set term) "neurons.0.vleak.3")))
        (let [{:keys [sum] fitted :.fitted residuals :.resid} (ml "augment" model newer)]
          (is (= (vec fitted) (vec (:sum predicted))))
          (is (= (vec residuals) (mapv - sum fitted))))
        (is (= #{:hidden-size :window :learning-rate :dynamics}
               (set (keys (ml "hyperparameters" :liquid-neural-networks/regression)))))
        (is (thrown-with-msg? clojure.lang.ExceptionInfo #"Invalid options"
                              (ml "train" newer {:model-type :liquid-neural-networks/regression
                                                 :hiden-size 3})))))))

(deftest classes-keep-their-kind
  (run-tests
   #(doseq [[target labels] {:label #{"up" "down"} :flag #{0 1}}
            :let [model (trained "classification" target)
                  newer (with-target (data-set 300 400) target)
                  predicted (ml "predict" newer model)]]
      (is (= labels (set (get predicted target))))
      (is (< 0.9 (/ (count (filter true? (map = (get predicted target) (get newer target)))) 100)))
      (is (< 0.8 (first (:accuracy (ml "glance" model))))))))

(deftest a-forecast
  (run-tests
   #(let [model (trained "forecast" :sum)
          newer (with-target (data-set 300 400) :sum)
          predicted (vec (:sum (ml "predict" newer model)))
          actual (vec (:sum newer))]
      (is (< (mean-square (subvec predicted 10 99) (subvec actual 11 100))
             (mean-square (subvec actual 10 99) (subvec actual 11 100)))
          "better than the latest value"))))

(deftest a-model-runs-in-another-jvm
  (run-tests
   #(let [model (trained "regression" :sum)
          newer (with-target (data-set 300 320) :sum)
          expected (vec (:sum (ml "predict" newer model)))
          path (temporary "model.lnn")]
      (with-open [out (io/output-stream path)]
        (.write out ^bytes (:model-as-bytes (:model-data model))))
      (is (lnn/forecaster? (lnn/load-forecaster path)))
      (let [{:keys [exit out]}
            (finish (clojure-process
                     {}
                     (pr-str `(do (require '[scicloj.metamorph.ml] '[tech.v3.dataset]
                                           'liquid-neural-networks.metamorph)
                                  (let [bytes# (java.nio.file.Files/readAllBytes
                                                (.toPath (java.io.File. ~path)))
                                        table# ((resolve 'tech.v3.dataset/->dataset)
                                                ~{:wave (vec (:wave newer)) :other (vec (:other newer))})
                                        model# ~(-> (update model :model-data dissoc :model-as-bytes)
                                                    (dissoc :id))
                                        found# ((resolve 'scicloj.metamorph.ml/predict)
                                                table#
                                                (assoc-in model# [:model-data :model-as-bytes] bytes#))]
                                    (prn (vec (get found# :sum)))
                                    (System/exit 0)))))
                    120)]
        (is (= 0 exit) out)
        ;; Whatever loads on the way may print lines of its own.
        (is (= expected (read-string (peek (str/split-lines out)))))))))
