(ns liquid-neural-networks.why-test
  "Attributions, ablations, rules and fixed points."
  (:require [clojure.test :refer [deftest is testing]]
            [liquid-neural-networks.core :as lnn]
            [liquid-neural-networks.helpers :refer [close? error temporary]]))

(def pilot
  (delay (lnn/create-network {:input-size 3 :seed 1 :dtype :float64
                              :wiring {:type :ncp :inter 5 :command 3 :motor 2}})))

(def inputs [[0.1 0.2 0.3] [0.5 nil 0.7] [0.9 1.0 1.1]])

(defmacro ^:private refused
  "The type of the error that the body throws, and the argument it names."
  [& body]
  `((juxt :type :argument) (error ~@body)))

(defn- total [numbers] (reduce + (flatten numbers)))

(deftest the-parts-of-an-output-add-up
  (let [{:keys [output baseline-output neurons synapses past-synapses error] :as found}
        (lnn/attribute @pilot inputs :output [0 1] :baseline 0.2)
        whole (- output baseline-output)
        last-outputs (peek (lnn/forward @pilot inputs))]
    (is (< (abs (- output (apply - last-outputs))) 1e-12))
    (is (< error 1e-6))
    (is (< (abs (- (total (:inputs found)) whole)) 1e-6))
    (is (< (abs (- (+ (total synapses) (total past-synapses)) whole)) 1e-6))
    (is (< (abs (- (total (peek neurons)) whole)) 1e-6))
    (is (zero? (get-in found [:inputs 1 1])) "a missing value has no part")
    (is (nil? (:memory found)))
    (is (pos-int? (:runs found))))
  (testing "several sequences, another sample, other formats"
    (let [found (lnn/attribute @pilot [inputs inputs] {:at 1 :as :array})]
      (is (= [2 3 3] (:shape (:inputs found))))
      (is (= [2] (:shape (:output found)))))))

(deftest attributions-that-cannot-be-had-are-refused
  (is (= [:domain-error :output] (refused (lnn/attribute @pilot inputs :output 2))))
  (is (= [:dtype-error :output] (refused (lnn/attribute @pilot inputs :output [0 1 2]))))
  (is (= [:domain-error :at] (refused (lnn/attribute @pilot inputs :at 3))))
  (is (= [:shape-error :baseline] (refused (lnn/attribute @pilot inputs :baseline [1 2])))))

(deftest an-ablated-network-is-another-one
  (let [[{:keys [pre post]}] (lnn/wiring @pilot)
        synapse [(first pre) (first post)]
        part (lnn/ablate @pilot :synapses [synapse] :neurons [4])
        [grown] (lnn/wiring part)
        file (temporary "part.lnn")]
    (is (not-any? #{synapse} (map vector (:pre grown) (:post grown))))
    (is (not-any? #{4} (:pre grown)))
    (is (not= (lnn/forward part inputs) (lnn/forward @pilot inputs)))
    (lnn/save part file)
    (is (= (lnn/forward part inputs) (lnn/forward (lnn/load-network file) inputs))))
  (is (= [:option-error :synapses] (refused (lnn/ablate @pilot :synapses [[0 9]]))))
  (is (= [:domain-error :neurons] (refused (lnn/ablate @pilot :neurons [10]))))
  (is (= [:dtype-error :synapses] (refused (lnn/ablate @pilot :synapses [3])))))

(deftest a-tree-and-a-sum-say-it-in-a-few-words
  (let [random (java.util.Random. 0)
        many (vec (repeatedly 8 #(vec (repeatedly 20 (fn [] (vec (repeatedly 3 (fn [] (.nextGaussian random)))))))))
        tree (lnn/rules @pilot many :output :class :depth 2 :names ["level" "valve" "wind"] :seed 1)
        sum (lnn/formula @pilot many {:neuron 4 :terms 3 :ask [:inputs]})]
    (is (<= (:leaves tree) 4))
    (is (= ["level" "valve" "wind"] (take 3 (:names tree))))
    (is (<= 0 (:fidelity tree) 1))
    (is (= #{"input 0" "input 1" "input 2"} (set (:names sum))))
    (is (<= 1 (count (:weights sum)) 3))
    (is (= (count (:asked sum)) (count (:weights sum))))
    (is (string? (:text sum)))
    (is (<= (:fidelity sum) 1)))
  (is (= [:dtype-error :output] (refused (lnn/rules @pilot inputs :output :largest))))
  (is (= [:option-error :ask] (refused (lnn/formula @pilot inputs :ask [:outputs]))))
  (is (= [:domain-error :terms] (refused (lnn/formula @pilot inputs :terms 0))))
  (is (= [:option-error :neuron] (refused (lnn/rules @pilot inputs :output 0 :neuron 1)))))

(deftest a-network-rests-at-its-fixed-points
  (let [{:keys [kind stable speeds states eigenvalues outputs]}
        (lnn/fixed-points @pilot [0.4 nil -0.2])
        place (.indexOf ^java.util.List stable true)
        settled (peek (:states (lnn/trace @pilot (repeat 300 [0.4 nil -0.2]))))]
    (is (= "flow" kind))
    (is (every? #(< % 1e-10) speeds))
    (is (close? 1e-6 settled (nth states place)))
    (is (every? neg? (map first (nth eigenvalues place))))
    (is (= 2 (count (nth outputs place)))))
  (is (= [:shape-error :inputs] (refused (lnn/fixed-points @pilot [0.4]))))
  (is (= [:domain-error :starts] (refused (lnn/fixed-points @pilot [0.4 0 0] :starts 0)))))
