(ns first-steps
  "A first network: it learns to continue a wave, is drawn, saved, loaded and run live.

      clojure -M:demo"
  (:require [liquid-neural-networks.core :as lnn]))

(def ^:private length 32)

(defn- wave [t]
  (* (Math/sin (* 0.2 t)) (+ 0.6 (* 0.4 (Math/sin (* 0.031 t))))))

(defn- windows
  "Stretches of the wave, to be continued by one sample."
  [starts]
  (let [rows (fn [shift] (for [start starts] (mapv #(vector (wave (+ start shift %)))
                                                   (range length))))]
    {:inputs (rows 0) :targets (rows 1)}))

(defn- continued
  "The wave as the network sees it, after hearing the real one: its outputs are its next inputs."
  [network samples]
  (with-open [live (lnn/stream network)]
    (let [warm (reduce (fn [_ t] (first (lnn/step! live [(wave t)]))) nil (range 200))]
      (vec (take samples (iterate #(first (lnn/step! live [%])) warm))))))

(defn -main [& [epochs]]
  (let [network (lnn/create-network {:input-size 1 :hidden-size 19 :output-size 1 :seed 1})
        epochs (parse-long (or epochs "30"))]
    (println "a network:" (str network))
    (let [{:keys [train-loss best-epoch best-loss]}
          (lnn/train! network (windows (range 0 2000 10))
                      {:valid (windows (range 2100 2600 10)) :epochs epochs})]
      (println "mean squared error:" (first train-loss) "at first," best-loss "after epoch" best-epoch))
    (println "the wave goes on     " (mapv #(format "%.2f" (wave %)) (range 200 206)))
    (println "the network thinks   " (mapv #(format "%.2f" %) (continued network 6)))
    (lnn/save network "wave.lnn" {:metadata {:note "continues a wave"}})
    (lnn/draw network {:picture :time-constants :path "time_constants.png"
                       :inputs (mapv #(vector (wave %)) (range 300))})
    (println "wrote wave.lnn and time_constants.png; loaded again:"
             (str (lnn/load-network "wave.lnn")))))
