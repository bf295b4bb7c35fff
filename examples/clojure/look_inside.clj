(ns look-inside
  "A look inside a pilot of 19 neurons: what it is made of, who speaks to whom, which synapses
  carry the most current, and how its time constants move.

      clojure -M:dev -m look-inside [model.lnn]"
  (:require [clojure.string :as str]
            [liquid-neural-networks.core :as lnn]))

(defn- new-pilot []
  (lnn/create-network {:input-size 2 :seed 1
                       :wiring {:type :ncp :inter 12 :command 6 :motor 1}}))

(defn- recording [inputs]
  (mapv (fn [t] (mapv #(Math/sin (+ (* 0.15 t) %)) (range inputs))) (range 100)))

(defn- mean-size [rows index]
  (/ (reduce + (map #(Math/abs (double (nth % index))) rows)) (count rows)))

(defn- strongest
  "The synapses that carry the most current on average: [sender receiver current]."
  [{:keys [pre post]} currents n]
  (->> (map-indexed (fn [e [j i]] [j i (mean-size currents e)]) (map vector pre post))
       (sort-by peek >)
       (take n)))

(defn -main [& [path]]
  (let [pilot (if path (lnn/load-network path) (new-pilot))
        {:keys [populations neurons synapses parameter-count config]} (lnn/describe pilot)
        [{:keys [layers] :as wiring}] (lnn/wiring pilot)
        layer-of (into {} (for [[layer ids] layers, id ids] [id (name layer)]))
        inputs (recording (:input-size config))
        {:keys [time-constants currents]} (lnn/trace pilot inputs nil {:currents true})]
    (println (str neurons " neurons, " synapses " synapses, " parameter-count " parameters"))
    (println (str/join ", " (for [[layer n] (:layers (first populations))] (str n " " (name layer)))))
    (println "synapses that excite and inhibit:" (:synapses (first populations)))
    (println "the strongest synapses:")
    (doseq [[j i current] (strongest wiring currents 5)]
      (println (format "  neuron %2d (%s) -> %2d (%s): %.3f" j (layer-of j) i (layer-of i) current)))
    (println "time constants, shortest and longest over the recording:")
    (doseq [[layer ids] layers]
      (let [values (for [row time-constants, id ids] (nth row id))]
        (println (format "  %-8s %.2f to %.2f" (name layer) (reduce min values) (reduce max values)))))
    (lnn/draw pilot {:path "wiring.png"})
    (lnn/draw pilot {:picture :states :inputs inputs :path "states.png"})
    (println "wrote wiring.png and states.png")))
