(ns liquid-neural-networks.kindly-test
  "Views for notebooks: plain data whose metadata names a kind of kindly's."
  (:require [clojure.string :as str]
            [clojure.test :refer [deftest is testing]]
            [liquid-neural-networks.core :as lnn]
            [liquid-neural-networks.helpers :refer [small wave]]
            [liquid-neural-networks.kindly :refer [view]])
  (:import [java.time LocalDate]))

(defn- kind [value] (:kindly/kind (meta value)))

(deftest networks-show-themselves-and-print-as-text
  (let [network (small)
        {:kindly/keys [kind options]} (meta network)]
    (is (= :kind/fn kind))
    (is (= (view network) ((:kindly/f options) network)))
    (is (re-find #"^#<LiquidNetwork" (pr-str network)))))

(deftest a-network-is-a-picture-and-a-table
  (let [[_ [_ {:keys [src]}] [_ rows] :as shown] (view (small))]
    (is (= :kind/hiccup (kind shown)))
    (is (str/starts-with? src "data:image/png;base64,iVBOR"))
    (is (= [:tr [:td "neurons"] [:td "6"]] (second rows)))))

(deftest a-forecaster-says-what-it-forecasts-and-how-it-learned
  (let [forecaster (lnn/fit-table {:x (range 60)} :x {:epochs 1 :hidden-size 3 :horizon 2
                                                      :progress false})
        [_ text table chart network :as shown] (view forecaster)]
    (is (= :kind/hiccup (kind shown)))
    (is (= [:p "forecasts of x, rows ahead: 2"] text))
    (is (some #{[:tr [:td ":count"] [:td (str (:count (:test forecaster)))]]} (second table)))
    (is (= :kind/vega-lite (kind chart)))
    (is (= (view (:network forecaster)) network))
    (testing "whose text is the same whether or not it is escaped"
      (is (not-any? #(and (string? %) (re-find #"[<>&]" %))
                    (tree-seq coll? seq (assoc shown 3 nil)))))))

(deftest a-wiring-is-a-graph
  (let [[{:keys [pre sensory-pre]} :as wirings] (lnn/wiring (small))
        {{:keys [nodes edges]} :elements :as graph} (view (first wirings))]
    (is (= :kind/cytoscape (kind graph)))
    (is (= (+ (count pre) (count sensory-pre)) (count edges)))
    (is (= (into #{"input 0"} (map str (range 6))) (set (map (comp :id :data) nodes))))
    (is (= [graph] (view wirings)))
    (is (= :kind/fragment (kind (view wirings))))))

(deftest what-goes-on-in-time-is-a-chart
  (let [network (small)
        values (comp :values :data)
        history (lnn/train! network (wave 8) {:epochs 2 :progress false :valid (wave 2)})
        trace (lnn/trace network [[0.1] [0.2] [0.3]])]
    (testing "losses"
      (is (= :kind/vega-lite (kind (view history))))
      (is (= (set (concat (:train-loss history) (:valid-loss history)))
             (set (map #(get % "loss") (values (view history)))))))
    (testing "states"
      (is (= {"sample" 2 "neuron" 3 "state" (get-in trace [:states 2 3])}
             (nth (values (view trace)) 15)))
      (is (= (values (view trace))
             (values (view (lnn/trace network [[[0.1] [0.2] [0.3]]]))))))
    (testing "forecasts"
      (let [days (mapv #(.plusDays (LocalDate/of 2024 1 1) %) (range 60))
            table {:day days :x (mapv #(Math/sin %) (range 60))}
            options {:epochs 1 :hidden-size 4 :progress false}
            chart #(view (lnn/predict (lnn/fit-table %1 :x (merge options %2)) %1))
            dated (chart table {:time :day})]
        (is (= {"at" "2024-01-03" "forecast" "predicted_x"}
               (dissoc (second (values dated)) "value")))
        (is (= "temporal" (get-in dated [:encoding :x :type])))
        (is (= "quantitative" (get-in (chart (dissoc table :day) {}) [:encoding :x :type])))))
    (is (= 3 (view 3)))))
