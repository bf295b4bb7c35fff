(ns liquid-neural-networks.stream-test
  (:require [clojure.test :refer [are deftest is]]
            [liquid-neural-networks.core :as lnn]
            [liquid-neural-networks.helpers :refer [close? error]]))

(def pilot
  (delay (lnn/create-network {:input-size 3 :seed 1
                              :wiring {:type :ncp :inter 12 :command 6 :motor 2}})))

(def samples [[0.1 0.2 0.3] [0.4 nil 0.6] [0.7 0.8 0.9] [-1.0 0.5 0.0]])

(deftest steps-equal-one-run
  (with-open [live (lnn/stream @pilot)]
    (let [outputs (mapv #(lnn/step! live %1 %2) samples [0.1 0.5 0.0 2.0])
          run (lnn/forward @pilot samples nil {:elapsed-time [0.1 0.5 0.0 2.0] :return-state true})]
      (is (close? 1e-6 (:outputs run) outputs))
      (is (close? 1e-6 (:state run) (lnn/stream-state live)))
      (is (= [0.0] (distinct (flatten (lnn/stream-state (lnn/reset-stream! live))))))
      (is (= (first outputs) (lnn/step! live (first samples) 0.1))))))

(deftest a-stream-goes-on-from-a-state
  (let [[before after] (split-at 2 samples)
        {:keys [state]} (lnn/forward @pilot before nil {:return-state true})
        whole (drop 2 (lnn/forward @pilot samples))]
    (with-open [live (lnn/stream @pilot {:state state})]
      (is (close? 1e-6 state (lnn/stream-state live)))
      (is (close? 1e-6 whole (mapv #(lnn/step! live %) after)))
      (with-open [again (lnn/stream @pilot :state (lnn/stream-state live))]
        (is (= (lnn/stream-state live) (lnn/stream-state again)))))
    (is (= {:type :shape-error :argument :state}
           (select-keys (error (lnn/stream @pilot {:state [[1 2]]})) [:type :argument])))))

(deftest time-constants-are-a-number-or-one-a-neuron
  (with-open [live (lnn/stream @pilot)]
    (let [step #(do (lnn/reset-stream! live) (lnn/step! live [0.1 0.2 0.3] 0.3 %))]
      (is (= (step 0.5) (step (repeat 20 0.5)) (step (double-array 20 0.5)) (step 1/2)))
      (is (not= (step 0.5) (step nil)))
      (is (close? 1e-6 (step 0.5)
                  (lnn/forward @pilot [[0.1 0.2 0.3]] 0.5 {:elapsed-time 0.3}))))))

(deftest samples-and-outputs-in-many-forms
  (let [once (fn [as sample] (with-open [live (lnn/stream @pilot {:as as})] (lnn/step! live sample)))
        expected (once :vectors [1 2 3])]
    (are [sample] (= expected (once :vectors sample))
      '(1 2 3)
      (range 1 4)
      (double-array [1 2 3])
      (float-array [1 2 3])
      (long-array [1 2 3])
      {:shape [3] :data [1 2 3]})
    (is (= expected (seq (once :double-array [1 2 3])) (:data (update (once :array [1 2 3]) :data vec))))
    (is (instance? (Class/forName "[F") (once :float-array [1 2 3])))))

(deftest an-error-leaves-the-state
  (with-open [live (lnn/stream @pilot)]
    (lnn/step! live [0.1 0.2 0.3])
    (let [state (lnn/stream-state live)]
      (are [type argument arguments]
           (= {:type type :argument argument}
              (select-keys (error (apply lnn/step! live arguments)) [:type :argument]))
        :shape-error :sample [[1 2]]
        :shape-error :sample [(double-array 4)]
        :shape-error :sample [(float-array 4)]
        :dtype-error :sample [[1 2 "3"]]
        :dtype-error :sample ["abc"]
        :domain-error :sample [[1 2 ##Inf]]
        :domain-error :elapsed-time [[1 2 3] -0.1]
        :domain-error :elapsed-time [[1 2 3] ##NaN]
        :dtype-error :elapsed-time [[1 2 3] nil]
        :domain-error :time-constants [[1 2 3] 1.0 0]
        :shape-error :time-constants [[1 2 3] 1.0 [1 2]])
      (is (= state (lnn/stream-state live))))))

(deftest a-closed-stream-says-so
  (let [live (lnn/stream @pilot)]
    (is (= "#<Stream of 3 inputs, 2 outputs>" (pr-str live)))
    (.close live)
    (.close live)
    (is (= "#<Stream of 3 inputs, 2 outputs, closed>" (str live)))
    (is (= :live (:argument (error (lnn/step! live [1 2 3])))))
    (is (= :live (:argument (error (lnn/stream-state live)))))
    (is (= :dtype-error (:type (error (lnn/step! 3 [1 2 3])))))))

(deftest the-future-cannot-be-streamed
  (is (= {:type :option-error :argument :bidirectional}
         (select-keys (error (lnn/stream (lnn/create-network {:input-size 1 :hidden-size 4
                                                              :output-size 1 :bidirectional true})))
                      [:type :argument]))))

(deftest a-stream-keeps-the-parameters-it-was-opened-with
  (let [network (lnn/create-network {:input-size 1 :hidden-size 4 :output-size 1 :seed 1})]
    (with-open [live (lnn/stream network)]
      (let [before (lnn/step! live [0.5])]
        (lnn/set-parameters! network {:readout {:bias [100]}})
        (lnn/reset-stream! live)
        (is (= before (lnn/step! live [0.5])))))))

(deftest many-threads-may-share-a-stream
  (with-open [live (lnn/stream @pilot)]
    (let [outputs (->> (repeatedly 4 #(future (dotimes [_ 200] (lnn/step! live [0.1 0.2 0.3] 0.01))))
                       doall
                       (mapv #(deref % 20000 :late)))
          apart (with-open [other (lnn/stream @pilot)]
                  (dotimes [_ 800] (lnn/step! other [0.1 0.2 0.3] 0.01))
                  (lnn/stream-state other))]
      (is (= [nil nil nil nil] outputs))
      (is (= apart (lnn/stream-state live))))))
