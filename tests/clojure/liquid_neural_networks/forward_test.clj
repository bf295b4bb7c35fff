(ns liquid-neural-networks.forward-test
  (:require [clojure.test :refer [are deftest is testing]]
            [clojure.test.check.clojure-test :refer [defspec]]
            [clojure.test.check.generators :as gen]
            [clojure.test.check.properties :as prop]
            [liquid-neural-networks.core :as lnn]
            [liquid-neural-networks.helpers :refer [close? error error-of]]
            [liquid-neural-networks.memory :as memory]))

(set! *warn-on-reflection* true)

(def network (delay (lnn/create-network {:input-size 3 :hidden-size 5 :output-size 2 :seed 1})))

(def inputs [[[0.1 0.2 0.3] [0.4 0.5 0.6]]
             [[0.7 0.8 0.9] [1.0 1.1 1.2]]
             [[0.0 -0.1 -0.2] [0.5 0.5 0.5]]])

(deftest shapes-come-out-as-they-went-in
  (is (= [3 2 2] [(count (lnn/forward @network inputs))
                  (count (first (lnn/forward @network inputs)))
                  (count (ffirst (lnn/forward @network inputs)))]))
  (is (close? 1e-6 (first (lnn/forward @network inputs)) (lnn/forward @network (first inputs))))
  (testing "the last output only"
    (let [last-one (lnn/create-network {:input-size 3 :hidden-size 5 :output-size 2 :seed 1
                                        :return-sequences false})]
      (is (= (mapv peek (lnn/forward @network inputs)) (lnn/forward last-one inputs)))
      (is (= 2 (count (lnn/forward last-one (first inputs)))))))
  (testing "time first"
    (let [time-first (lnn/create-network {:input-size 3 :hidden-size 5 :output-size 2 :seed 1
                                          :batch-first false})
          turned (fn [rows] (apply mapv vector rows))]
      (is (= (lnn/forward @network inputs) (turned (lnn/forward time-first (turned inputs))))))))

(deftest numbers-may-come-in-many-forms
  (let [flat (flatten inputs)
        expected (lnn/forward @network inputs)
        array-3d (fn [make] (into-array (map #(into-array (map make %)) inputs)))]
    (are [given] (= expected (lnn/forward @network given))
      (map (fn [sequence] (map #(map identity %) sequence)) inputs)
      (java.util.ArrayList. ^java.util.Collection inputs)
      (array-3d double-array)
      (array-3d float-array)
      (into-array (map (fn [sequence] (into-array (map double-array sequence))) inputs))
      [(mapv double-array (inputs 0)) (mapv double-array (inputs 1)) (mapv double-array (inputs 2))]
      {:shape [3 2 3] :data (double-array flat)}
      {:shape [3 2 3] :data (float-array flat)}
      {:shape '(3 2 3) :data flat}
      {:shape [3 2 3] :data (vec flat)})
    (is (= (lnn/forward @network [[1 2 3]])
           (lnn/forward @network {:shape [1 3] :data (long-array [1 2 3])})
           (lnn/forward @network {:shape [1 3] :data (int-array [1 2 3])})
           (lnn/forward @network [[1.0 2N 3M]])
           (lnn/forward @network (into-array [(long-array [1 2 3])]))))))

(deftest numbers-may-go-out-in-many-forms
  (let [expected (lnn/forward @network inputs)
        flat (flatten expected)
        out #(lnn/forward @network inputs nil {:as %})]
    (is (= flat (seq (out :double-array))))
    (is (instance? (Class/forName "[D") (out :double-array)))
    (is (= flat (map double (out :float-array))))
    (is (instance? (Class/forName "[F") (out :float-array)))
    (is (= [3 2 2] (:shape (out :array))))
    (is (= flat (map double (:data (out :array)))))
    (testing "an array can be given back"
      (let [{:keys [state]} (lnn/forward @network inputs nil {:return-state true :as :array})
            {nested :state} (lnn/forward @network inputs nil {:return-state true})]
        (is (= (lnn/forward @network inputs nil {:state state})
               (lnn/forward @network inputs nil {:state nested})))))
    (is (= {:type :dtype-error :argument :as}
           (select-keys (error (out :list)) [:type :argument])))))

(deftest tensors-of-dtype-next
  (if-not (try (require 'tech.v3.tensor) true (catch java.io.FileNotFoundException _ false))
    (testing "are refused clearly where there is none"
      (is (= :missing-dependency-error
             (:type (error (lnn/forward @network inputs nil {:as :tensor}))))))
    (let [->tensor (resolve 'tech.v3.tensor/->tensor)
          ->jvm (resolve 'tech.v3.tensor/->jvm)
          shape (resolve 'tech.v3.datatype/shape)
          expected (lnn/forward @network inputs)
          out (lnn/forward @network (->tensor inputs) nil {:as :tensor})]
      (is (= [3 2 2] (vec (shape out))))
      (is (close? 0 expected (->jvm out)))
      (is (= expected (lnn/forward @network (->tensor inputs :datatype :float32)))))))

(deftest options-as-a-map-or-one-by-one
  (is (= (lnn/forward @network inputs nil {:elapsed-time 0.5})
         (lnn/forward @network inputs nil :elapsed-time 0.5)
         (lnn/forward @network inputs nil :elapsed-time [0.5 0.5])
         (lnn/forward @network inputs nil {:elapsed-time (float-array [0.5 0.5])})
         (lnn/forward @network inputs nil :elapsed-time (repeat 3 [0.5 0.5]))))
  (is (not= (lnn/forward @network inputs) (lnn/forward @network inputs nil :elapsed-time 0.5))))

(deftest time-constants-broadcast
  (is (= (lnn/forward @network inputs 0.7)
         (lnn/forward @network inputs (repeat 5 0.7))
         (lnn/forward @network inputs (repeat 3 (repeat 5 0.7)))
         (lnn/forward @network inputs (repeat 3 (repeat 2 (repeat 5 0.7))))))
  (is (not= (lnn/forward @network inputs) (lnn/forward @network inputs 0.7))))

(deftest nil-is-a-missing-value
  (let [mask [[[true false true] [true true true]]]]
    (is (= (lnn/forward @network [[[0.1 nil 0.3] [0.4 0.5 0.6]]])
           (lnn/forward @network [[[0.1 99 0.3] [0.4 0.5 0.6]]] nil {:mask mask})
           (lnn/forward @network [[[0.1 99 0.3] [0.4 0.5 0.6]]] nil {:mask [[[1 0 1] [1 1 1]]]})))
    (is (= (lnn/forward @network [[0.1 nil 0.3]])
           (lnn/forward @network [[0.1 99 0.3]] nil
                        {:mask (into-array [(boolean-array [true false true])])})
           (lnn/forward @network [[0.1 99 0.3]] nil
                        {:mask {:shape [1 3] :data (boolean-array [true false true])}})))
    (testing "and NaN is one too, alone, beside a nil, and in an array"
      (let [expected (lnn/forward @network [[0.1 nil 0.3] [nil 0.5 0.6]])]
        (are [given] (= expected (lnn/forward @network given))
          [[0.1 ##NaN 0.3] [##NaN 0.5 0.6]]
          [[0.1 ##NaN 0.3] [nil 0.5 0.6]]
          {:shape [2 3] :data (double-array [0.1 ##NaN 0.3 ##NaN 0.5 0.6])}
          {:shape [2 3] :data (float-array [0.1 ##NaN 0.3 ##NaN 0.5 0.6])}
          (into-array [(double-array [0.1 ##NaN 0.3]) (double-array [##NaN 0.5 0.6])])))
      (is (lnn/forward @network [[[0.1 ##NaN 0.3] [0.4 0.5 0.6]]] nil {:mask mask}))
      (is (= :domain-error (:type (error (lnn/forward @network [[0.1 ##NaN 0.3]] nil
                                                      {:mask [[true true true]]}))))
          "unless a mask says that it is a value")))
  (testing "a mask of two dimensions marks padding"
    (let [{[padded _] :outputs}
          (lnn/forward @network [[[0.1 0.2 0.3] [9 9 9]] [[0 0 0] [0 0 0]]] nil
                       {:mask [[true false] [true true]] :return-state true})]
      (is (= (first padded) (second padded)))
      (is (close? 1e-6 (lnn/forward @network [[0.1 0.2 0.3]]) (first padded))))))

(deftest the-state-carries-over
  (let [whole (lnn/forward @network inputs nil {:return-state true})
        half #(mapv vec (map (fn [sequence] [(nth sequence %)]) inputs))
        first-half (lnn/forward @network (half 0) nil {:return-state true})
        second-half (lnn/forward @network (half 1) nil
                                 {:return-state true :state (:state first-half)})]
    (is (close? 1e-6 (:outputs whole) (map into (:outputs first-half) (:outputs second-half))))
    (is (close? 1e-6 (:state whole) (:state second-half)))))

(deftest inputs-that-are-wrong-are-named
  (are [type argument arguments] (= {:type type :argument argument}
                                    (select-keys (error (apply lnn/forward @network arguments))
                                                 [:type :argument]))
    :shape-error :inputs [[0.1 0.2 0.3]]
    :shape-error :inputs [[[0.1 0.2]]]
    :shape-error :inputs [[[0.1 0.2 0.3] [0.1 0.2]]]
    :shape-error :inputs [[[0.1 0.2 0.3] [0.1 0.2 0.3 0.4]]]
    :shape-error :inputs [[[[0.1 0.2 0.3]] [[0.1 0.2 0.3] [0.1 0.2 0.3]]]]
    :shape-error :inputs [[[0.1 0.2 0.3] 0.1]]
    :shape-error :inputs [[]]
    :shape-error :inputs [[[]]]
    :shape-error :inputs [{:shape [2 3] :data (double-array 5)}]
    :shape-error :inputs [{:shape [-2 3] :data (double-array 6)}]
    :dtype-error :inputs [{:shape [2 3]}]
    :shape-error :inputs [(float-array 6)]
    :dtype-error :inputs ["text"]
    :dtype-error :inputs [[["a" "b" "c"]]]
    :dtype-error :inputs [[[true false true]]]
    :dtype-error :inputs [(into-array [(boolean-array 3)])]
    :dtype-error :inputs [(Object.)]
    :domain-error :inputs [[[##Inf 0 0]]]
    :domain-error :inputs [[[1e300 0 0]]]
    :domain-error :time-constants [[[1 2 3]] 0]
    :domain-error :time-constants [[[1 2 3]] -0.5]
    :shape-error :time-constants [[[1 2 3]] [1 2]]
    :dtype-error :time-constants [[[1 2 3]] "1"]
    :domain-error :elapsed-time [[[1 2 3]] nil {:elapsed-time -1}]
    :domain-error :elapsed-time [[[1 2 3]] nil {:elapsed-time ##NaN}]
    :shape-error :elapsed-time [[[1 2 3]] nil {:elapsed-time [1 2]}]
    :shape-error :state [[[1 2 3]] nil {:state [1 2]}]
    :shape-error :mask [[[1 2 3]] nil {:mask [true false]}]
    :domain-error :mask [[[1 2 3]] nil {:mask [[2 1 0]]}]
    :dtype-error :mask [[[1 2 3]] nil {:mask [["yes" "no" "no"]]}]
    :option-error :elapsed [[[1 2 3]] nil {:elapsed 1}]))

(def shapes-and-numbers
  (gen/let [batch (gen/choose 1 4)
            steps (gen/choose 1 5)
            numbers (gen/vector (gen/double* {:infinite? false :NaN? false :min -1e6 :max 1e6})
                                (* batch steps 3))]
    {:shape [batch steps 3] :numbers numbers}))

(defspec every-form-of-the-same-numbers-gives-the-same-outputs 30
  (prop/for-all [{:keys [numbers] [batch steps _ :as shape] :shape} shapes-and-numbers]
    (let [nested (mapv #(mapv vec (partition 3 %)) (partition (* steps 3) numbers))
          expected (lnn/forward @network nested)]
      (and (= [batch steps] [(count expected) (count (first expected))])
           (= expected (lnn/forward @network {:shape shape :data (double-array numbers)}))
           (= expected (lnn/forward @network {:shape shape :data (float-array numbers)}))
           (= (flatten expected)
              (seq (lnn/forward @network nested nil {:as :double-array})))))))

(defspec batches-equal-one-by-one 20
  (prop/for-all [{:keys [numbers] [_ steps _] :shape} shapes-and-numbers]
    (let [nested (mapv #(mapv vec (partition 3 %)) (partition (* steps 3) numbers))]
      (close? 1e-5 (lnn/forward @network nested)
              (mapv #(lnn/forward @network %) nested)))))

(deftest options-in-the-place-of-time-constants-are-named
  (are [pattern arguments]
       (let [{:keys [type message]} (error (apply lnn/forward @network [[1 2 3]] arguments))]
         (and (#{:dtype-error :option-error} type) (re-find pattern message)))
    #":time-constants: .* got a map with :as; options come after the time constants" [{:as :double-array}]
    #":time-constants: .* got a map with :as, :state" [(array-map :as :array :state 3)]
    #":time-constants: expected numbers, got :as" [:as :double-array]
    #":elapsed-time: has no value" [nil :as :array :elapsed-time]
    #":options: expected a map, got :as" [nil :as]))

(deftest errors-are-short-whatever-the-data
  (let [long-text (apply str (repeat 100000 "x"))
        many (vec (repeat 100000 (vec (repeat 3 0.5))))
        short? #(let [data (error-of %)]
                  (and (:type data) (< (count (pr-str data)) 3000) (< (count (:message data)) 400)))]
    (are [f] (short? f)
      #(lnn/forward @network long-text)
      #(lnn/forward @network (conj many [1 2]))
      #(lnn/forward @network [[long-text 1 2]])
      #(lnn/forward @network many {:data many})
      #(lnn/forward many many)
      #(lnn/train! @network many)
      #(lnn/set-parameters! @network many)
      #(lnn/create-network {:input-size many})
      #(lnn/create-network many))
    (testing "and sequences without an end do not hang"
      (are [f] (short? f)
        #(lnn/forward @network (range))
        #(lnn/forward @network (repeat [1 2 3]))
        #(lnn/forward @network [(repeat 1)])
        #(lnn/forward @network [[1 2 3]] (iterate inc 1))
        #(lnn/forward @network [(range) [1 2 3]])
        #(lnn/create-network {:input-size (range)})
        #(lnn/create-network {:input-size 1 :wiring (range)})
        #(lnn/fit-table (repeat {:a 1}) :a)
        #(lnn/fit-table {:a (range)} :a)))))

(deftest what-is-too-large-says-so
  (is (= {:type :shape-error :argument :inputs}
         (select-keys (error (memory/with-memory
                               (memory/allocate 3000000000 :inputs)))
                      [:type :argument]))))

(deftest nothing-is-an-error-with-a-name
  (are [argument f] (= {:type :dtype-error :argument argument}
                       (select-keys (error-of f) [:type :argument]))
    :inputs #(lnn/forward @network nil)
    :inputs #(lnn/trace @network nil)
    :inputs #(lnn/forward @network :inputs)
    :network #(lnn/forward nil [[1 2 3]])
    :path #(lnn/load-network nil)
    :path #(lnn/load-forecaster nil)
    :path #(lnn/read-table nil)
    :path #(lnn/save @network nil)
    :table #(lnn/fit-table nil :x)
    :targets #(lnn/fit-table {:x [1]} nil)
    :data #(lnn/predict @network nil)))

(deftest memory-of-a-call-is-free-again
  (let [left #(second (memory/left))
        before (left)]
    (dotimes [_ 3]
      (lnn/forward @network inputs)
      (error (lnn/forward @network [[1 2]]))
      (error (lnn/forward @network [[1 2 "3"]])))
    (is (= before (left)))
    (testing "also where computing the inputs calls us"
      (is (= (lnn/forward @network [[0.5 0.5 0.5] [0.1 0.2 0.3]])
             (lnn/forward @network (map (fn [row]
                                          (lnn/forward @network inputs)
                                          (map #(do (lnn/forward @network inputs) %) row))
                                        [[0.5 0.5 0.5] [0.1 0.2 0.3]]))))
      (is (= before (left))))
    (testing "and where it is more than a thread keeps"
      (let [many (vec (repeat 20000 [0.1 0.2 0.3]))]
        (is (= (lnn/forward @network (subvec many 0 100)) (subvec (lnn/forward @network many) 0 100)))
        (is (= before (left)))))))
