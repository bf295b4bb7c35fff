(ns liquid-neural-networks.network-test
  (:require [clojure.test :refer [are deftest is testing]]
            [clojure.spec.alpha :as s]
            [clojure.spec.test.alpha :as stest]
            [liquid-neural-networks.core :as lnn]
            [liquid-neural-networks.helpers :refer [close? error small]]
            [liquid-neural-networks.options :as options]))

(deftest a-network-shows-what-it-is
  (let [network (lnn/create-network {:input-size 10 :hidden-size 32 :output-size 2})]
    (is (lnn/network? network))
    (is (= "#<LiquidNetwork 10 inputs, 32 neurons, 2 outputs, conductance, 1024 + 320 synapses, 5558 parameters>"
           (pr-str network) (str network)))
    (is (re-find #"in each of 2 layers, both directions"
                 (pr-str (small {:num-layers 2 :bidirectional true}))))))

(deftest every-option-reaches-the-core
  (are [options] (= options
                    (let [{:keys [config]} (lnn/describe (small options))]
                      (select-keys (update-in config [:dynamics :type] keyword) (keys options))))
    {:hidden-size 9}
    {:output-size 3}
    {:dynamics {:type :conductance}}
    {:solver "exponential"}
    {:unfolds 3}
    {:constraint "softplus"}
    {:num-layers 2}
    {:dropout 0.25 :num-layers 2}
    {:bidirectional true}
    {:batch-first false}
    {:return-sequences false}
    {:readout "motor"})
  (is (= {:type "dense" :activation "tanh"}
         (-> (small {:dynamics {:type :dense :activation :tanh}}) lnn/describe :config :dynamics)))
  (is (= "dense" (-> (small {:dynamics :dense}) lnn/describe :config :dynamics :type)))
  (is (= "rk4" (-> (small {:solver :rk4}) lnn/describe :config :solver))))

(deftest an-option-of-nil-is-not-given
  (let [plain (lnn/describe (small))]
    (doseq [option (keys (:create-network options/verbs))
            :when (not (#{:input-size :hidden-size :output-size :seed} option))]
      (is (= plain (lnn/describe (small {option nil}))) option))))

(deftest the-seed-decides-the-parameters
  (is (= (lnn/parameters (small {:seed 7})) (lnn/parameters (small {:seed 7}))))
  (is (not= (lnn/parameters (small {:seed 7})) (lnn/parameters (small {:seed 8}))))
  (is (not= (lnn/parameters (small {:seed nil})) (lnn/parameters (small {:seed nil})))))

(deftest wirings-are-data
  (are [neurons wiring] (= neurons (:neurons (lnn/describe (lnn/create-network
                                                            {:input-size 4 :output-size 1
                                                             :wiring wiring}))))
    19 {:type :ncp :inter 12 :command 6 :motor 1}
    19 {:type :ncp :inter 12 :command 6 :motor 1 :recurrent-command 4 :seed 2}
    20 {:type :auto-ncp :units 20 :motor 3 :sparsity 0.6}
    12 {:type "random" :units 12 :sparsity 0.8}
    7 {:type :fully-connected :units 7 :self-connections false}
    302 {:type :c-elegans})
  (testing "one a population"
    (let [ncp {:type :ncp :inter 12 :command 6 :motor 1}
          two (lnn/create-network {:input-size 4 :num-layers 2 :wiring [ncp (assoc ncp :seed 1)]})]
      (is (= 38 (:neurons (lnn/describe two))))))
  (testing "a network's own synapses make the same network"
    (let [options {:input-size 4 :output-size 2 :seed 5}
          first-one (lnn/create-network (assoc options :wiring {:type :auto-ncp :units 12 :motor 2}))
          again (lnn/create-network (assoc options :wiring (lnn/wiring first-one)))]
      (is (= (lnn/wiring first-one) (lnn/wiring again)))
      (is (= (lnn/parameters first-one) (lnn/parameters again))))))

(deftest a-reload-leaves-networks-as-they-are
  (let [network (small)
        outputs (lnn/forward network [[0.5]])
        live (lnn/stream network)
        forecaster (lnn/fit-table {:x (range 60)} :x {:epochs 1 :progress false})]
    (try
      (require 'liquid-neural-networks.core :reload-all)
      (finally (stest/instrument)))
    (is (lnn/network? network))
    (is (= outputs (lnn/forward network [[0.5]])))
    (is (close? 1e-6 (first outputs) (lnn/step! live [0.5])))
    (is (= 60 (count (:predicted_x (lnn/predict forecaster {:x (range 60)})))))
    (is (re-find #"^#<LiquidNetwork" (pr-str network)))
    (.close ^java.lang.AutoCloseable live)))

(deftest options-are-specs
  (are [valid spec options] (= valid (s/valid? spec options))
    true ::options/create-network {:input-size 8 :hidden-size 4 :seed nil}
    false ::options/create-network {:hiden-size 8}
    false ::options/create-network {:hidden-size "8"}
    true ::options/forward {:as :array :elapsed-time 0.5}
    false ::options/forward {:as :list}
    true ::options/train! {:valid {:inputs [[[1]]] :targets [[[1]]]} :epochs 3}
    false ::options/train! {:valid 0.2}
    true ::options/fit-table {:valid 0.2 :features [:a "b"]}
    true :liquid-neural-networks.options.forward/as :tensor
    false :liquid-neural-networks.options.forward/as :rows)
  (testing "that generate what they accept"
    (doseq [verb [::options/create-network ::options/trace ::options/train! ::options/fit-table]]
      (is (every? (fn [[value]] (s/valid? verb value)) (s/exercise verb 5)))))
  (testing "and that instrumented functions use"
    (stest/instrument)
    (are [f] (:clojure.spec.alpha/problems (try (f) (catch Exception e (ex-data e))))
      #(lnn/create-network {:hiden-size 8})
      #(lnn/forward (small) [[0.5]] {:as :array})
      #(lnn/forward (small) [[0.5]] nil :as :list)
      #(lnn/train! (small) {:inputs [[[1]]]} {:epoch 3}))))

(deftest options-that-are-wrong-are-named
  (are [type argument options] (= {:type type :argument argument}
                                  (select-keys (error (lnn/create-network options))
                                               [:type :argument]))
    :option-error :input-size {:hidden-size 4 :output-size 1}
    :option-error :hidden-size {:input-size 1 :output-size 1}
    :option-error :output-size {:input-size 1 :hidden-size 4}
    :option-error :hiden-size {:input-size 1 :hiden-size 4 :output-size 1}
    :option-error :solver {:input-size 1 :hidden-size 4 :output-size 1 :solver :magic}
    :option-error :type {:input-size 1 :output-size 1 :wiring {:type :ncpp}}
    :option-error :inter {:input-size 1 :output-size 1 :wiring {:type :ncp :command 6 :motor 1}}
    :option-error :dtype {:input-size 1 :hidden-size 4 :output-size 1 :dtype :half}
    :dtype-error :hidden-size {:input-size 1 :hidden-size 4.5 :output-size 1}
    :dtype-error :input-size {:input-size "1" :hidden-size 4 :output-size 1}
    :dtype-error :bidirectional {:input-size 1 :hidden-size 4 :output-size 1 :bidirectional 1}
    :dtype-error :wiring {:input-size 1 :output-size 1 :wiring :ncp}
    :domain-error :input-size {:input-size 0 :hidden-size 4 :output-size 1}
    :domain-error :unfolds {:input-size 1 :hidden-size 4 :output-size 1 :unfolds 0}
    :domain-error :dropout {:input-size 1 :hidden-size 4 :output-size 1 :dropout 1.5}
    :domain-error :seed {:input-size 1 :hidden-size 4 :output-size 1 :seed -1}
    :dtype-error :options [:input-size 1]
    :dtype-error :options {:input-size 1 :output-size 1 :wiring {:type (java.util.Date.)}})
  (testing "what was meant, and what was expected"
    (is (re-find #"did you mean :hidden-size\?"
                 (:message (error (lnn/create-network {:hiden-size 4})))))
    (is (= "an integer" (:expected (error (lnn/create-network {:input-size 1.5}))))))
  (testing "what Python raised is there too"
    (let [data (error (lnn/create-network {:input-size 0 :hidden-size 4 :output-size 1}))]
      (is (= "DomainError" (:python/type data)))
      (is (= "input_size: expected an integer at least 1, got 0" (:python/message data)))
      (is (= ":input-size: expected an integer at least 1, got 0" (:message data)))
      (is (= "an integer at least 1" (:expected data)))
      (is (re-find #"Traceback.*DomainError" (apply str (.split ^String (:python/traceback data) "\n")))))))

(deftest only-networks-are-networks
  (is (= {:type :dtype-error :argument :network}
         (select-keys (error (lnn/describe 3)) [:type :argument])))
  (is (false? (lnn/network? {}))))

(deftest a-network-can-carry-metadata
  (let [network (small)]
    (is (= {:mine 1} (meta (with-meta network {:mine 1}))))
    (is (= (str network) (str (vary-meta network assoc :mine 1))))
    (is (= (lnn/parameters network) (lnn/parameters (vary-meta network assoc :mine 1))))))
