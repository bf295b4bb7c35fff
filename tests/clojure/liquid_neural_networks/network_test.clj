(ns liquid-neural-networks.network-test
  (:require [clojure.test :refer [are deftest is testing]]
            [liquid-neural-networks.core :as lnn]
            [liquid-neural-networks.helpers :refer [error small]]))

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
    :dtype-error :options [:input-size 1])
  (testing "what was meant, and what was expected"
    (is (re-find #"did you mean :hidden-size\?"
                 (:message (error (lnn/create-network {:hiden-size 4})))))
    (is (= "an integer" (:expected (error (lnn/create-network {:input-size 1.5}))))))
  (testing "what Python raised is there too"
    (let [data (error (lnn/create-network {:input-size 0 :hidden-size 4 :output-size 1}))]
      (is (= "DomainError" (:python/type data)))
      (is (= "input_size: expected an integer at least 1, got 0" (:python/message data)))
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
