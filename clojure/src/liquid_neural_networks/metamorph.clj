(ns liquid-neural-networks.metamorph
  "Models of metamorph.ml; loading this namespace defines them, and needs metamorph.ml:

    :liquid-neural-networks/regression      the target from the features of the same row, and of
                                            those before it
    :liquid-neural-networks/classification  a class likewise
    :liquid-neural-networks/forecast        the target :horizon rows later; 1

      (require '[scicloj.metamorph.ml :as ml] 'liquid-neural-networks.metamorph)
      (def model (ml/train data {:model-type :liquid-neural-networks/regression :epochs 50}))
      (ml/predict newer-data model)

  Rows are samples in order of time: split a data set by time, not at random. Options are those of
  `liquid-neural-networks.core/fit-table` but for `:features`, which are the feature columns of
  the data set. A trained model keeps its forecaster as the bytes of a `.lnn` file, which runs in
  another JVM, and in Python."
  (:require [clojure.java.io :as io]
            [liquid-neural-networks.core :as lnn]
            [liquid-neural-networks.options :as options]
            [liquid-neural-networks.tables :as tables]
            [scicloj.metamorph.ml :as ml]
            [tech.v3.dataset :as ds])
  (:import [java.nio.file Files Path]
           [java.nio.file.attribute FileAttribute]))

(set! *warn-on-reflection* true)

;; -- bytes of a forecaster ------------------------------------------------------------------

(defn- with-file
  "What `f` returns of a file that is there meanwhile."
  [f]
  (let [^Path path (Files/createTempFile "model" ".lnn" (make-array FileAttribute 0))]
    (try (f path) (finally (Files/deleteIfExists path)))))

(defn- forecaster-bytes [forecaster]
  (with-file (fn [^Path path]
               (lnn/save forecaster path)
               (Files/readAllBytes path))))

(defn- thaw
  "The forecaster of what training gave."
  [{:keys [^bytes model-as-bytes]}]
  (with-file (fn [^Path path]
               (with-open [out (io/output-stream (.toFile path))]
                 (.write out model-as-bytes))
               (lnn/load-forecaster path))))

;; -- training and predicting ----------------------------------------------------------------

(defn- label-text
  "A class as Python names it."
  [label]
  (if (and (number? label) (== label (long label)))
    (str (long label))
    (options/letter-by-letter label)))

(defn- target-table
  "The target as the columns of a table; classes as text."
  [target values classes?]
  {target (if classes? (mapv #(some-> % label-text) values) values)})

(defn- train [defaults feature-ds target-ds options]
  (let [[[target values] & more] (tables/columns target-ds)
        _ (when more (throw (ex-info "expected one target column"
                                     {:type :option-error :argument :target-columns})))
        chosen (merge defaults {:progress false} (dissoc options :model-type))
        classes? (:classes chosen)
        features (tables/columns feature-ds)
        forecaster (lnn/fit-table (into (target-table target values classes?) features)
                                  target
                                  (assoc chosen :features
                                         (into [] (comp (map first) (remove #{(:time chosen)}))
                                               features)))]
    (cond-> {:model-as-bytes (forecaster-bytes forecaster)
             :history (:history forecaster)
             :test (:test forecaster)}
      classes? (assoc :labels (into {} (map (juxt label-text identity))
                                    (distinct (remove nil? values)))))))

(defn- fitted
  "What a forecaster says of each row."
  [forecaster table target labels]
  (let [found (get (lnn/predict forecaster (into {} (tables/columns table)))
                   (keyword (str "predicted_" (options/letter-by-letter target))))]
    (if labels (mapv labels found) found)))

(defn- predict
  [feature-ds forecaster {:keys [target-columns target-categorical-maps model-data]}]
  (let [target (first target-columns)
        categorical (get target-categorical-maps target)]
    (ds/new-dataset
     [(ds/new-column target (fitted forecaster feature-ds target (:labels model-data))
                     (cond-> {:column-type :prediction}
                       categorical (assoc :categorical-map categorical)))])))

;; -- diagnostics ----------------------------------------------------------------------------

(defn- glance
  "How well the newest rows of the training data were predicted. The names are those that
  metamorph.ml knows, which has none for classes."
  [{{:keys [test labels]} :model-data}]
  (let [measured (if labels
                   (array-map :accuracy :accuracy)
                   (array-map :r.squared :r2 :mse :mse :mae :mae))]
    (ds/->dataset (into (array-map)
                        (for [[column measure] (assoc measured :n :count)]
                          [column [(test measure)]])))))

(defn- terms
  "[name value] of every number of nested parameters."
  [prefix value]
  (cond
    (map? value) (mapcat (fn [[k v]] (terms (if prefix (str prefix "." (name k)) (name k)) v)) value)
    (sequential? value) (mapcat (fn [i v] (terms (str prefix "." i) v)) (range) value)
    :else [[prefix value]]))

(defn- tidy
  "Every parameter of the network as a term and its estimate."
  [model]
  (let [found (terms nil (lnn/parameters (:network (thaw (:model-data model)))))]
    (ds/->dataset {:term (mapv first found) :estimate (mapv second found)})))

(defn- augment
  "The data with `:.fitted`, and `:.resid` of numbers."
  [{:keys [model-data target-columns]} data]
  (let [target (first target-columns)
        predicted (fitted (thaw model-data) (dissoc data target) target (:labels model-data))
        residual (fn [actual fitted] (when (and (number? actual) (number? fitted))
                                       (- actual fitted)))]
    (cond-> (assoc data :.fitted predicted)
      (not (:labels model-data)) (assoc :.resid (mapv residual (get data target) predicted)))))

;; -- definitions ----------------------------------------------------------------------------

(def ^:private schemas
  "Schemas of malli for the kinds of values that options take."
  {::options/count int?, ::options/integer int?, ::options/number number?, ::options/flag boolean?
   ::options/function ifn?, ::options/column [:or keyword? string?]
   ::options/choice [:or keyword? string?]
   ::options/choice-with-options [:or keyword? string? map?]})

(def ^:private option-schema
  (into [:map {:closed true}]
        (for [[option spec] (sort (dissoc (:fit-table options/verbs) :features))]
          [option {:optional true} (get schemas spec any?)])))

(def ^:private hyperparameters
  "What is worth a search, as metamorph.ml's grid search takes it."
  (let [among (fn [values] {:scicloj.metamorph.ml.gridsearch/type :linear
                            :start 0.0 :end (double (dec (count values)))
                            :n-steps (count values) :result-space values})]
    {:hidden-size (among [8 16 32 64])
     :window (among [16 32 64 128])
     :learning-rate (among [0.001 0.003 0.01 0.03])
     :dynamics (among [:conductance :dense :closed-form])}))

(doseq [[model defaults] {:regression {:horizon 0 :baseline :none}
                          :classification {:classes true}
                          :forecast {:horizon 1 :baseline :none}}]
  (ml/define-model! (keyword "liquid-neural-networks" (name model))
    (partial train defaults)
    predict
    {:thaw-fn thaw
     :glance-fn glance
     :tidy-fn tidy
     :augment-fn augment
     :hyperparameters hyperparameters
     :options option-schema
     :documentation {:user-guide "Liquid neural networks over rows in order of time; the options
are those of liquid-neural-networks.core/fit-table."}}))
