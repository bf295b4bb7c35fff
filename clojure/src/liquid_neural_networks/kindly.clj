(ns liquid-neural-networks.kindly
  "Pictures, tables and graphs for notebooks that follow kindly, such as Clay. A view is plain data
  whose metadata says its kind, so nothing needs to be installed for it.

  Networks and forecasters show themselves; for the rest of what core returns, call [[view]]."
  (:require [clojure.string :as str]
            [liquid-neural-networks.core :as lnn])
  (:import [java.time.temporal Temporal]
           [java.util Base64]))

(set! *warn-on-reflection* true)

(defn- as-kind [kind value]
  (vary-meta value assoc :kindly/kind kind))

(defn- lines
  "A chart of rows: lines over `x`, one for each value of `by`."
  [rows x y by temporal?]
  (as-kind :kind/vega-lite
           {:data {:values rows}
            :mark "line"
            :width 600
            :encoding {:x {:field x :type (if temporal? "temporal" "quantitative")}
                       :y {:field y :type "quantitative" :scale {:zero false}}
                       :color {:field by :type "nominal"}}}))

(defn- table [rows]
  [:table (for [[name value] rows] [:tr [:td (str name)] [:td (str value)]])])

(defn- picture [png]
  [:img {:src (str "data:image/png;base64," (.encodeToString (Base64/getEncoder) png))}])

(defn- network-view [network]
  (let [{:keys [neurons synapses parameter-count size-in-bytes]} (lnn/describe network)]
    (as-kind :kind/hiccup
             [:div
              (picture (lnn/draw network))
              (table {"inputs" (:input-size network), "neurons" neurons, "synapses" synapses
                      "outputs" (:output-size network), "parameters" parameter-count
                      "bytes" size-in-bytes})])))

(defn- history-view [{:keys [train-loss valid-loss]}]
  (lines (for [[part losses] {"train" train-loss "valid" valid-loss}
               [epoch loss] (map-indexed vector losses)]
           {"epoch" (inc epoch) "loss" loss "part" part})
         "epoch" "loss" "part" false))

(defn- forecaster-view [{:keys [network history test columns horizon]}]
  (as-kind :kind/hiccup
           ;; Not its printed text, whose brackets are tags where hiccup is not escaped.
           [:div [:p (str "forecasts of " (str/join ", " (:targets columns)) ", rows ahead: " horizon)]
            (table (filter (comp number? val) test))
            (history-view history)
            (network-view network)]))

(defn- trace-view
  "The states of the first sequence, a line a neuron."
  [{:keys [states]}]
  (let [states (if (vector? (ffirst states)) (first states) states)]
    (lines (for [[sample values] (map-indexed vector states)
                 [neuron value] (map-indexed vector values)]
             {"sample" sample "state" value "neuron" neuron})
           "sample" "state" "neuron" false)))

(defn- wiring-view
  "The neurons of one population and their synapses, as a graph."
  [{:keys [pre post polarity sensory-pre sensory-post sensory-polarity]}]
  (let [input #(str "input " %)
        node (fn [id] {:data {:id (str id)}})
        edge (fn [from to sign] {:data {:source (str from) :target (str to) :polarity sign}})]
    (as-kind :kind/cytoscape
             {:elements {:nodes (mapv node (distinct (concat (map input sensory-pre) sensory-post
                                                             pre post)))
                         :edges (into (mapv edge (map input sensory-pre) sensory-post sensory-polarity)
                                      (mapv edge pre post polarity))}
              :layout {:name "breadthfirst" :directed true}
              :style [{:selector "node" :css {:content "data(id)"}}
                      {:selector "edge" :css {:curve-style "bezier" :target-arrow-shape "triangle"}}]})))

(defn- forecast-columns [columns]
  (filter #(str/starts-with? (name %) "predicted_") (keys columns)))

(defn- forecast-view
  "Forecasts as lines over the time, or the row, that they are for."
  [columns]
  (let [times (val (first columns))
        temporal? (instance? Temporal (first (remove nil? times)))]
    (lines (for [column (forecast-columns columns)
                 [at value] (map vector times (columns column))
                 :when (some? value)]
             {"at" (if temporal? (str at) at) "value" value "forecast" (name column)})
           "at" "value" "forecast" temporal?)))

(defn view
  "What core returned, as a notebook shows it: a network (its wiring and sizes), a forecaster, the
  history of a training, a trace, what [[lnn/wiring]] and [[lnn/predict]] of a forecaster return.
  Anything else as it is.

      (def network (lnn/create-network {:input-size 2 :hidden-size 4 :output-size 1}))
      (:kindly/kind (meta (view network))) ;=> :kind/hiccup
      (:kindly/kind (meta (view (lnn/trace network [[0.1 0.2] [0.3 0.4]])))) ;=> :kind/vega-lite"
  [x]
  (cond
    (lnn/network? x) (network-view x)
    (lnn/forecaster? x) (forecaster-view x)
    (and (map? x) (:train-loss x)) (history-view x)
    (and (map? x) (:states x)) (trace-view x)
    (and (map? x) (:pre x)) (wiring-view x)
    (and (sequential? x) (:pre (first x))) (as-kind :kind/fragment (mapv wiring-view x))
    (and (map? x) (seq (forecast-columns x))) (forecast-view x)
    :else x))
