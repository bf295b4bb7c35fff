(ns half-cheetah
  "Predicts the next state of a simulated half cheetah, under the protocol of Hasani et al.,
  Liquid Time-constant Networks (AAAI 2021), whose LTC reached a test error of 2.308.

      LNN_DATA=/path/to/data clojure -M:dev -m half-cheetah [epochs]"
  (:require [liquid-neural-networks.core :as lnn]))

(defn- moments
  "Mean and deviation of each of the features of flat rows."
  [{:keys [^floats data shape]}]
  (let [features (peek shape)
        rows (/ (alength data) features)
        mean (fn [f] (mapv (fn [i] (/ (reduce + (map #(f i (aget data (+ i (* % features))))
                                                     (range rows)))
                                      rows))
                           (range features)))
        means (mean (fn [_ x] x))]
    {:mean means
     :deviation (mapv #(Math/sqrt %) (mean (fn [i x] (let [d (- x (means i))] (* d d)))))}))

(defn- in-units-of-the-data
  "Starts the maps of the inputs and the read-out from the mean and deviation of the data."
  [network inputs]
  (let [{:keys [mean deviation]} (moments inputs)
        {{:keys [weight]} :readout} (lnn/parameters network)]
    (lnn/set-parameters! network
                         {:neurons [{:a (mapv #(/ 0.5 %) deviation)
                                     :b (mapv #(- 0.5 (/ (* 0.5 %1) %2)) mean deviation)}]
                          :readout {:weight (mapv (fn [row d] (mapv #(* d %) row)) weight deviation)
                                    :bias mean}})))

(defn -main [& [epochs]]
  (lnn/initialize! {:threads 1})                            ; batches of 16 gain nothing from two
  (let [{:keys [train valid test]} (lnn/load-data :half-cheetah)
        features (peek (:shape (:inputs train)))
        network (-> (lnn/create-network {:input-size features :hidden-size 32
                                         :output-size features :seed 0})
                    (in-units-of-the-data (:inputs train)))
        start (System/nanoTime)
        {:keys [best-epoch best-loss]}
        (lnn/train! network train
                    {:valid valid :epochs (parse-long (or epochs "200")) :batch-size 16
                     :drop-last true :schedule :cosine :save-to "half_cheetah.lnn"})]
    (println (format "valid error %.3f in epoch %d, after %.0f s" best-loss best-epoch
                     (/ (- (System/nanoTime) start) 1e9)))
    (println (format "test error %.3f; published: LTC 2.308, LSTM 2.500"
                     (:mse (lnn/evaluate network test))))))
