(ns liquid-neural-networks.conformance-test
  "The vectors of spec/, read here and run through the public functions; and through Python's own
  runner, which also compares gradients."
  (:require [clojure.string :as str]
            [clojure.test :refer [deftest is testing]]
            [liquid-neural-networks.core :as lnn]
            [liquid-neural-networks.errors :as errors]
            [liquid-neural-networks.helpers :refer [error root]]
            [liquid-neural-networks.options :as options]
            [liquid-neural-networks.vectors :as vectors]))

(defn- plain-wiring [wiring]
  (-> wiring
      (update-vals #(if (:data %) (vec (:data %)) %))
      (update "layers" update-vals (comp vec :data))
      (update-keys options/kebab)))

(defn- network-of [{:strs [config wirings tensors]} dtype]
  (let [network (lnn/create-network
                 (-> (dissoc config "hidden_size")
                     (update-keys options/kebab)
                     (update :dynamics update-keys keyword)
                     (assoc :wiring (mapv plain-wiring wirings) :dtype dtype)))
        part (fn [prefix] (into {} (for [[name value] tensors :when (str/starts-with? name prefix)]
                                     [(options/kebab (subs name (count prefix))) value])))]
    (lnn/set-parameters! network {:neurons (map #(part (str "neurons." % "."))
                                                (range (count wirings)))
                                  :readout (part "readout.")})))

(defn- run-options [{:strs [elapsed_time mask state]}]
  {:elapsed-time elapsed_time :mask mask :state state})

(defn- off
  "The largest difference, by the largest number expected or 1; infinite if shapes differ."
  [got expected]
  (if (not= (:shape got) (:shape expected))
    ##Inf
    (let [values (seq (:data expected))
          scale (reduce max 1.0 (map #(Math/abs (double %)) values))]
      (/ (reduce max 0.0 (map #(Math/abs (- (double %1) (double %2))) (:data got) values)) scale))))

(defn- rates
  "Time constants as rates: where a rate is near 0, its inverse has no digits to compare."
  [array]
  (update array :data #(map (fn [tau] (/ 1.0 (double tau))) %)))

(defn- layer [{:keys [shape data]} n]
  (let [inner (rest shape) size (apply * inner)]
    {:shape (vec inner) :data (take size (drop (* n size) data))}))

(defn- differences
  "What this network computes, compared with what a case expects: name -> difference."
  [{:strs [model arguments expected]} dtype]
  (let [network (network-of model dtype)
        {:strs [inputs time_constants]} arguments
        options (assoc (run-options arguments) :as :array)
        {:keys [outputs state]} (lnn/forward network inputs time_constants
                                             (assoc options :return-state true))]
    (into {"outputs" (off outputs (expected "outputs"))
           "state" (off state (expected "state"))}
          (mapcat (fn [n]
                    (let [{:keys [states time-constants]}
                          (lnn/trace network inputs time_constants (assoc options :population n))
                          only (fn [name] (let [each (expected name)]
                                            (if (vector? each) (each n) (layer each n))))]
                      [[(str "states " n) (off states (only "states"))]
                       [(str "time constants " n)
                        (off (rates time-constants) (rates (only "time_constants")))]]))
                  (range (count (model "wirings")))))))

(defn- refusal [{:strs [model arguments]} dtype]
  (let [{:keys [type argument]}
        (error (lnn/forward (network-of model dtype) (arguments "inputs")
                            (arguments "time_constants") (run-options arguments)))]
    [type argument]))

(deftest every-vector-read-in-clojure
  (let [cases (vectors/all)]
    (is (< 50 (count cases)))
    (doseq [{:strs [name refused tolerance] :as each} cases
            [dtype kind] [[:float64 "f8"] [:float32 "f4"]]]
      (testing (str name " in " dtype)
        (cond
          ;; NaN is a missing value in Clojure, as nil is: nothing to refuse.
          (= name "refused-nan") (is (= [nil nil] (refusal each dtype)))
          refused
          (is (= [(errors/error-type (refused "error")) (options/kebab (refused "argument"))]
                 (refusal each dtype)))
          :else
          (doseq [[what difference] (differences each dtype)]
            (is (<= difference (tolerance kind)) what)))))))

(deftest every-vector-with-its-gradients
  (let [results (lnn/conformance)]
    (is (= (* 2 (count (vectors/all))) (count results)))
    (is (= [] (remove :passed results)))
    (is (= #{"float32" "float64"} (set (map :dtype results))))))

(deftest a-folder-without-vectors-is-refused
  (is (= {:type :data-error :argument :folder}
         (select-keys (error (lnn/conformance (str root "/docs"))) [:type :argument]))))
