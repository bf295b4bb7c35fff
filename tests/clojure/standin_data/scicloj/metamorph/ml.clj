(ns scicloj.metamorph.ml
  "A stand-in for metamorph.ml: it keeps definitions of models, and calls them as the original
  does. It checks fewer of the results, and options only for unknown ones."
  (:require [tech.v3.dataset :as ds]))

(def stand-in "Tells this namespace from the original." true)

(defonce model-definitions* (atom nil))

(defn define-model! [model train-fn predict-fn options]
  (swap! model-definitions* assoc model (assoc options :train-fn train-fn :predict-fn predict-fn))
  :ok)

(defn options->model-def [{:keys [model-type]}]
  (or (get @model-definitions* model-type)
      (throw (ex-info (str "Failed to find model " model-type) {}))))

(defn hyperparameters [model]
  (:hyperparameters (options->model-def {:model-type model})))

(defn- check-options [[_ _ & entries] options]
  (when-let [unknown (seq (remove (set (map first entries)) (keys (dissoc options :model-type))))]
    (throw (ex-info (str "Invalid options: " (vec unknown)) {:options options}))))

(defn train [table options]
  (let [{:keys [train-fn] :as definition} (options->model-def options)
        targets (filterv #(:inference-target? (meta (get table %))) (keys table))
        features (vec (remove (set targets) (keys table)))]
    (check-options (:options definition) options)
    {:model-data (train-fn (ds/select-columns table features) (ds/select-columns table targets)
                           options)
     :options options
     :id (java.util.UUID/randomUUID)
     :feature-columns features
     :target-columns targets}))

(defn thaw-model [model]
  ((:thaw-fn (options->model-def (:options model))) (:model-data model)))

(defn predict [table {:keys [feature-columns options] :as model}]
  ((:predict-fn (options->model-def options))
   (ds/select-columns table feature-columns) (thaw-model model) model))

(defn glance [model] ((:glance-fn (options->model-def (:options model))) model))
(defn tidy [model] ((:tidy-fn (options->model-def (:options model))) model))
(defn augment [model table] ((:augment-fn (options->model-def (:options model))) model table))
