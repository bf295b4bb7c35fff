(ns ^:no-doc liquid-neural-networks.options
  "Options as keywords: checked with clojure.spec, and to and from the names Python uses.

  Specs say what kind of value an option takes. Whether it is in range, and which names there
  are to choose from, the core knows, and it answers with the errors of the specification."
  (:require [clojure.spec.alpha :as s]
            [clojure.string :as str]
            [liquid-neural-networks.errors :refer [error]]))

(s/def ::integer int?)
(s/def ::count (s/and int? #(<= Integer/MIN_VALUE % Integer/MAX_VALUE)))
(s/def ::number number?)
(s/def ::flag boolean?)
(s/def ::choice (s/or :keyword keyword? :string string?))
(s/def ::path (s/or :string string? :file #(instance? java.io.File %)
                    :path #(instance? java.nio.file.Path %)))
(s/def ::choice-with-options (s/or :choice ::choice :map (s/map-of keyword? any?)))
(s/def ::wiring (s/or :one (s/map-of keyword? any?) :list (s/coll-of (s/map-of keyword? any?))))
(s/def ::column (s/or :keyword keyword? :string string?))
(s/def ::columns (s/coll-of ::column :min-count 1))
(s/def ::column-or-columns (s/or :one ::column :several ::columns))
(s/def ::function ifn?)
(s/def ::plain-map (s/map-of (s/or :keyword keyword? :string string?) any?))
(s/def ::numbers some?)
(s/def ::windows (s/map-of #{:inputs :targets :elapsed-time :mask} ::numbers))
(s/def ::format #{:vectors :double-array :float-array :array :tensor})

(def ^:private expectations
  {::integer "an integer"
   ::count "an integer"
   ::number "a number"
   ::flag "true or false"
   ::choice "a keyword or a string"
   ::path "a path: a string, a File or a Path"
   ::choice-with-options "a keyword, or a map with :type"
   ::wiring "a map such as {:type :ncp, :inter 12, :command 6, :motor 1}, or a sequence of maps"
   ::column "the name of a column: a keyword or a string"
   ::columns "a sequence of columns' names"
   ::column-or-columns "the name of a column, or a sequence of names"
   ::function "a function"
   ::plain-map "a map with keywords or strings as keys"
   ::numbers "a number, nested vectors, an array or a tensor"
   ::windows "a map with :inputs, :targets, and perhaps :elapsed-time and :mask"
   ::format "one of :vectors, :double-array, :float-array, :array, :tensor"})

(def run
  "Options of a run through a network."
  {:elapsed-time ::numbers :mask ::numbers :state ::numbers})

(def fit
  "Options of a training."
  {:epochs ::count, :batch-size ::count, :learning-rate ::number, :schedule ::choice
   :max-gradient-norm ::number, :patience ::count, :checkpoint ::path, :resume ::flag
   :seed ::integer, :on-epoch ::function, :progress ::flag})

(def verbs
  "Which options each verb takes: name -> option -> spec."
  {:create-network {:input-size ::count, :hidden-size ::count, :output-size ::count
                    :wiring ::wiring, :dynamics ::choice-with-options, :solver ::choice
                    :unfolds ::count, :constraint ::choice, :num-layers ::count
                    :dropout ::number, :bidirectional ::flag, :mixed-memory ::flag, :batch-first ::flag
                    :return-sequences ::flag, :readout ::choice, :seed ::integer, :dtype ::choice}
   :forward (assoc run :return-state ::flag :as ::format)
   :trace (assoc run :population ::count :synapses ::flag :currents ::flag :as ::format)
   :effective-time-constants (assoc run :population ::count :as ::format)
   :train! (assoc fit :valid ::windows :drop-last ::flag :save-to ::path)
   :fit-table (assoc fit :features ::columns :time ::column :horizon ::count :classes ::flag
                     :changes ::flag :window ::count :stride ::count :valid ::number :test ::number
                     :hidden-size ::count :wiring ::wiring :dynamics ::choice-with-options
                     :solver ::choice :unfolds ::count :mixed-memory ::flag)
   :read-table {:as ::format}
   :forecaster/predict {:as ::format}
   :predict {:batch-size ::count, :as ::format}
   :evaluate {:batch-size ::count}
   :forecaster/evaluate {}
   :stream {:state ::numbers, :as ::format}
   :parameters {:as ::format}
   :save {:metadata ::plain-map}
   :forecaster/save {}
   :export {:to ::choice :name ::path :elapsed-time ::number :numbers ::choice}
   :draw (assoc run :picture ::choice :inputs ::numbers :time-constants ::numbers :population ::count
                :path ::path)
   :load-data {:protocol ::choice, :as ::format}
   :initialize! {:python-executable ::path, :threads ::count}})

(defn- nearest
  "The known key most like an unknown one, if any is."
  [key known]
  (let [letters #(set (partition 2 1 (name %)))
        likeness (fn [a b] (let [a (letters a) b (letters b)]
                             (/ (* 2.0 (count (filter a b))) (max 1 (+ (count a) (count b))))))
        best (when (seq known) (apply max-key #(likeness key %) known))]
    (when (and best (< 0.5 (likeness key best))) best)))

(defn- refuse-unknown [verb key known]
  (let [listed (str/join ", " (sort known))
        near (when (keyword? key) (nearest key known))]
    (throw (error :option-error key
                  (str "is no option of " (name verb) "; expected "
                       (if (seq known) (str "one of " listed) "none")
                       (when near (str "; did you mean " near "?")))
                  {:expected (if (seq known) (str "one of " listed) "no options")}))))

(defn check-value
  "Throws `:dtype-error` naming `key` if a value is not what a spec of this namespace says."
  [key spec value]
  (when-not (s/valid? spec value)
    (let [expected (expectations spec)]
      (throw (error :dtype-error key (str "expected " expected ", got " (pr-str value))
                    {:expected expected
                     :value value
                     ::s/problems (::s/problems (s/explain-data spec value))})))))

(defn check
  "`options` without those that are nil, if they are what `verb` takes.

  Throws `:option-error` for an unknown key and `:dtype-error` for a value of the wrong kind."
  [verb options]
  (let [known (verbs verb)]
    (when-not (or (nil? options) (map? options))
      (throw (error :dtype-error :options (str "expected a map, got " (pr-str options))
                    {:expected "a map"})))
    (doseq [[key value] options]
      (when-not (contains? known key) (refuse-unknown verb key (keys known)))
      (when (some? value) (check-value key (known key) value)))
    (into {} (filter (comp some? val)) options)))

;; -- names ----------------------------------------------------------------------------------

(defn snake
  "`:elapsed-time` -> \"elapsed_time\"."
  [key]
  (str/replace (name key) "-" "_"))

(defn kebab
  "\"elapsed_time\" -> `:elapsed-time`."
  [text]
  (keyword (str/replace text "_" "-")))

(defn to-python
  "Maps, sequences and keywords with Python's names; other values are left as they are."
  [value]
  (cond
    (keyword? value) (snake value)
    (map? value) (into {} (for [[k v] value] [(if (keyword? k) (snake k) (str k)) (to-python v)]))
    (sequential? value) (mapv to-python value)
    (instance? java.io.File value) (str value)
    (instance? java.nio.file.Path value) (str value)
    :else value))

(defn to-clojure
  "Python's maps with keywords for keys."
  [value]
  (cond
    (map? value) (into {} (for [[k v] value] [(kebab k) (to-clojure v)]))
    (sequential? value) (mapv to-clojure value)
    :else value))

;; -- plain data that is the caller's own -----------------------------------------------------

(defn plain
  "Maps and sequences with strings for keywords, letter by letter.

  Throws `:dtype-error` naming `argument` for what a file cannot keep."
  [value argument]
  (cond
    (keyword? value) (name value)
    (map? value) (into {} (for [[k v] value] [(plain k argument) (plain v argument)]))
    (sequential? value) (mapv #(plain % argument) value)
    (or (nil? value) (boolean? value) (number? value) (string? value)) value
    :else (throw (error :dtype-error argument
                        (str "expected nil, booleans, numbers, strings, vectors and maps, got a "
                             (.getName (class value)))
                        {:expected "plain data" :value value}))))

(defn to-keywords
  "The inverse of `plain` for keys."
  [value]
  (cond
    (map? value) (into {} (for [[k v] value] [(keyword k) (to-keywords v)]))
    (sequential? value) (mapv to-keywords value)
    :else value))
