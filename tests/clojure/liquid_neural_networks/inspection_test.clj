(ns liquid-neural-networks.inspection-test
  (:require [clojure.datafy :refer [datafy nav]]
            [clojure.java.io :as io]
            [clojure.test :refer [are deftest is testing]]
            [clojure.test.check.clojure-test :refer [defspec]]
            [clojure.test.check.generators :as gen]
            [clojure.test.check.properties :as prop]
            [liquid-neural-networks.core :as lnn]
            [liquid-neural-networks.helpers :refer [close? error temporary]]))

(def pilot
  (delay (lnn/create-network {:input-size 4 :seed 1
                              :wiring {:type :ncp :inter 12 :command 6 :motor 1}})))

(def inputs [[0.1 0.2 0.3 0.4] [0.5 0.6 0.7 0.8] [0.9 1.0 1.1 1.2]])

(deftest a-description-counts
  (let [{:keys [config populations neurons synapses parameter-count size-in-bytes]}
        (lnn/describe @pilot)
        [{:keys [pre sensory-pre]}] (lnn/wiring @pilot)]
    (is (= 19 neurons))
    (is (= synapses (+ (count pre) (count sensory-pre))))
    (is (= {:inter 12 :command 6 :motor 1} (:layers (first populations))))
    (is (= "fused" (:solver config)))
    (is (= parameter-count (count (flatten (map vals (flatten (vals (update (lnn/parameters @pilot)
                                                                            :neurons vec))))))))
    (is (= (* 4 parameter-count) size-in-bytes))))

(deftest tools-that-browse-find-the-parameters-and-the-wiring
  (let [data (datafy @pilot)
        into-it (fn [key] (nav data key (key data)))]
    (is (= (lnn/describe @pilot) data))
    (is (= data (datafy (datafy @pilot))))
    (is (= (lnn/parameters @pilot) (into-it :parameter-count)))
    (is (= (lnn/wiring @pilot) (into-it :synapses)))
    (is (= 19 (into-it :neurons)))
    (testing "of a forecaster too"
      (let [forecaster (lnn/fit-table {:x (range 60)} :x {:epochs 1 :hidden-size 3 :progress false})
            data (datafy forecaster)]
        (is (not (lnn/forecaster? data)))
        (is (map? (read-string (pr-str (dissoc data :network)))))
        (is (= (:history forecaster) (:history data)))
        (is (= (lnn/describe (:network forecaster)) (datafy (nav data :network (:network data)))))))))

(deftest networks-are-equal-to-themselves-whatever-they-learn
  (let [options {:input-size 1 :hidden-size 4 :output-size 1 :seed 3}
        network (lnn/create-network options)
        twin (lnn/create-network options)
        before (hash network)]
    (is (not= network twin))
    (is (= (lnn/parameters network) (lnn/parameters twin)))
    (lnn/set-parameters! network {:readout {:bias [0.5]}})
    (is (= before (hash network)))
    (is (not= (lnn/parameters network) (lnn/parameters twin)))))

(deftest a-description-makes-the-same-network-again
  (doseq [options [{:input-size 4 :wiring {:type :ncp :inter 12 :command 6 :motor 1 :seed 3}}
                   {:input-size 2 :hidden-size 5 :output-size 3 :num-layers 2 :dtype :float64
                    :dynamics {:type :dense :activation :tanh} :bidirectional true}
                   {:input-size 2 :hidden-size 5 :output-size 1 :dynamics :closed-form}]
          :let [network (lnn/create-network options)
                again (lnn/create-network (:config (lnn/describe network)))]]
    (is (= (lnn/wiring network) (lnn/wiring again)))
    (is (= (lnn/parameters network)
           (lnn/parameters (lnn/set-parameters! again (lnn/parameters network)))))
    (is (= (lnn/describe network) (lnn/describe again)))))

(deftest a-description-is-a-tidy-table
  (let [rows (lnn/describe (lnn/create-network {:input-size 4 :num-layers 2 :wiring
                                                {:type :ncp :inter 12 :command 6 :motor 1}})
                           {:as :rows})]
    (is (= [[0 4 19] [1 19 19]] (map (juxt :population :inputs :neurons) rows)))
    (is (every? #(<= (:shortest %) (:lower-quartile %) (:median %) (:longest %)) rows))))

(deftest parameters-of-many-layers-are-in-order
  (let [network (lnn/create-network {:input-size 2 :hidden-size 3 :output-size 1 :num-layers 12
                                     :seed 1})
        {:keys [neurons]} (lnn/parameters network)]
    (is (= 12 (count neurons)))
    (is (= neurons (:neurons (lnn/parameters (lnn/set-parameters! network {:neurons neurons})))))
    (lnn/set-parameters! network {:neurons (concat (repeat 10 {}) [{:vleak [1 2 3]}])})
    (is (= [1.0 2.0 3.0] (:vleak (nth (:neurons (lnn/parameters network)) 10))))))

(deftest a-trace-follows-every-neuron
  (let [{:keys [states time-constants] :as plain} (lnn/trace @pilot inputs)
        everything (lnn/trace @pilot inputs nil {:synapses true :currents true})
        [{:keys [pre sensory-pre]}] (lnn/wiring @pilot)
        widths (update-vals everything (comp count first))]
    (is (= #{:states :time-constants} (set (keys plain))))
    (is (= [3 19] [(count states) (count (first states))]))
    (is (every? pos? (flatten time-constants)))
    (is (= {:states 19 :time-constants 19 :activations (count pre) :currents (count pre)
            :sensory-activations (count sensory-pre) :sensory-currents (count sensory-pre)}
           widths))
    (is (= time-constants (lnn/effective-time-constants @pilot inputs)))
    (is (close? 1e-6 (peek states)
                (:state (lnn/forward @pilot inputs nil {:return-state true})))))
  (testing "any population"
    (let [two (lnn/create-network {:input-size 4 :hidden-size 5 :output-size 1 :num-layers 2})]
      (is (not= (lnn/trace two inputs nil {:population 0}) (lnn/trace two inputs nil {:population 1})))
      (is (= {:type :domain-error :argument :population}
             (select-keys (error (lnn/trace two inputs nil {:population 2})) [:type :argument])))))
  (testing "currents are those of conductances"
    (let [dense (lnn/create-network {:input-size 4 :hidden-size 5 :output-size 1 :dynamics :dense})]
      (is (= :option-error (:type (error (lnn/trace dense inputs nil {:currents true})))))))
  (testing "given time constants bound the effective ones"
    (is (every? #(<= % 0.5001) (flatten (lnn/effective-time-constants @pilot inputs 0.5))))))

(deftest parameters-go-out-and-in
  (let [options {:input-size 4 :wiring {:type :ncp :inter 12 :command 6 :motor 1}}
        other (lnn/create-network (assoc options :seed 2))]
    (is (not= (lnn/forward @pilot inputs) (lnn/forward other inputs)))
    (is (identical? other (lnn/set-parameters! other (lnn/parameters @pilot))))
    (is (= (lnn/parameters @pilot) (lnn/parameters other)))
    (is (= (lnn/forward @pilot inputs) (lnn/forward other inputs)))
    (testing "as arrays"
      (let [third (lnn/create-network (assoc options :seed 3))]
        (lnn/set-parameters! third (lnn/parameters @pilot {:as :array}))
        (is (= (lnn/parameters @pilot) (lnn/parameters third)))))))

(deftest wrong-parameters-change-nothing
  (let [network (lnn/create-network {:input-size 2 :hidden-size 3 :output-size 1 :seed 1})
        before (lnn/parameters network)]
    (are [type argument changed]
         (= {:type type :argument argument}
            (select-keys (error (lnn/set-parameters! network changed)) [:type :argument]))
      :option-error :weights {:weights {}}
      :option-error :parameters {:readout {:gain [1]}}
      :shape-error :readout.bias {:neurons [{:vleak [0 0 0]}] :readout {:bias [1 2]}}
      :domain-error :readout.bias {:neurons [{:vleak [0 0 0]}] :readout {:bias [##NaN]}}
      :domain-error :g {:neurons [{:vleak [0 0 0] :g [-1 1 1]}]}
      :dtype-error :neurons.0.g {:neurons [{:g ["1" 1 1]}]}
      :dtype-error :parameters [1])
    (is (= before (lnn/parameters network)))))

(defspec any-parameters-come-back-as-they-were-set 30
  (let [network (delay (lnn/create-network {:input-size 2 :hidden-size 3 :output-size 2
                                            :dtype :float64}))
        number (gen/double* {:infinite? false :NaN? false})]
    (prop/for-all [weight (gen/vector (gen/vector number 3) 2)
                   vleak (gen/vector number 3)]
      (lnn/set-parameters! @network {:neurons [{:vleak vleak}] :readout {:weight weight}})
      (let [{[{found :vleak}] :neurons {:keys [weight] :as readout} :readout} (lnn/parameters @network)]
        (and (= weight (:weight readout)) (= vleak found))))))

(defn- png? [bytes] (= [-119 80 78 71] (take 4 bytes)))

(deftest pictures
  (let [path (temporary "wiring.png")]
    (is (= path (lnn/draw @pilot {:path path})))
    (is (png? (java.nio.file.Files/readAllBytes (.toPath (io/file path)))))
    (is (png? (lnn/draw @pilot)))
    (is (png? (lnn/draw @pilot {:picture :states :inputs inputs})))
    (is (png? (lnn/draw @pilot :picture :time-constants :inputs [inputs inputs] :elapsed-time 0.5)))
    (testing "can be read"
      (let [image (javax.imageio.ImageIO/read (io/input-stream (lnn/draw @pilot)))]
        (is (< 300 (.getWidth image)))))
    (are [type argument options]
         (= {:type type :argument argument}
            (select-keys (error (lnn/draw @pilot options)) [:type :argument]))
      :option-error :picture {:picture :neurons}
      :option-error :inputs {:picture :states}
      :option-error :pth {:pth "x.png"}
      :domain-error :population {:population 3}
      :shape-error :inputs {:picture :states :inputs [[1 2]]})
    (is (= {:type :file-error :argument :path}
           (select-keys (error (lnn/draw @pilot {:path "/nowhere/at/all.png"}))
                        [:type :argument])))))

(deftest a-trace-is-a-tidy-table
  (let [{:keys [states time-constants]} (lnn/trace @pilot inputs)
        rows (lnn/trace @pilot inputs nil {:as :rows})]
    (is (= (* 3 19) (count rows)))
    (is (= {:sample 2 :index 5 :states (get-in states [2 5])
            :time-constants (get-in time-constants [2 5])}
           (nth rows (+ (* 2 19) 5))))
    (is (= [:sample :index :states :time-constants] (keys (first rows)))))
  (testing "of several sequences, and with synapses, which are more than neurons"
    (let [rows (lnn/trace @pilot [inputs inputs] nil {:as :rows :synapses true})
          {:keys [activations]} (lnn/trace @pilot [inputs inputs] nil {:synapses true})
          row (first (filter (comp #{[1 2 20]} (juxt :sequence :sample :index)) rows))]
      (is (= (get-in activations [1 2 20]) (:activations row)))
      (is (not (contains? row :states))))))
