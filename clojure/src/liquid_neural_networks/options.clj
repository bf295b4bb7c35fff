(ns ^:no-doc liquid-neural-networks.options
  "Options as keywords: checked with clojure.spec, and to and from the names Python uses.

  Specs say what kind of value an option takes. Whether it is in range, and which names there
  are to choose from, the core knows, and it answers with the errors of the specification."
  (:require [clojure.spec.alpha :as s]
            [clojure.spec.gen.alpha :as gen]
            [clojure.string :as str]
            [liquid-neural-networks.errors :refer [error wrong-type]]))

;; -- kinds of values ------------------------------------------------------------------------

(s/def ::integer int?)
(s/def ::count (s/and int? #(<= Integer/MIN_VALUE % Integer/MAX_VALUE)))
(s/def ::number number?)
(s/def ::levels (s/coll-of number? :min-count 1))
(s/def ::flag boolean?)
(s/def ::choice (s/or :keyword keyword? :string string?))
(s/def ::a-path (s/with-gen
                  (s/or :string string? :file #(instance? java.io.File %)
                        :path #(instance? java.nio.file.Path %))
                  #(gen/string-alphanumeric)))
(s/def ::choice-with-options (s/or :choice ::choice :map (s/map-of keyword? any?)))
(s/def ::one-or-more-wirings (s/or :one (s/map-of keyword? any?)
                                   :list (s/coll-of (s/map-of keyword? any?))))
(s/def ::column (s/or :keyword keyword? :string string?))
(s/def ::columns (s/coll-of ::column :kind sequential? :min-count 1))
(s/def ::column-or-columns (s/or :one ::column :several ::columns))
(s/def ::function (s/with-gen ifn? #(gen/return identity)))
(s/def ::plain-map (s/map-of (s/or :keyword keyword? :string string?) any?))
(s/def ::numbers some?)
(s/def ::windows (s/map-of #{:inputs :targets :elapsed-time :mask} ::numbers))
(s/def ::format #{:vectors :double-array :float-array :array :tensor})
(s/def ::table-format #{:vectors :double-array :float-array :rows :dataset})

(def ^:private expectations
  {::integer "an integer"
   ::count "an integer"
   ::number "a number"
   ::levels "a sequence of numbers"
   ::flag "true or false"
   ::choice "a keyword or a string"
   ::a-path "a path: a string, a File or a Path"
   ::choice-with-options "a keyword, or a map with :type"
   ::one-or-more-wirings
   "a map such as {:type :ncp, :inter 12, :command 6, :motor 1}, or a sequence of maps"
   ::column "the name of a column: a keyword or a string"
   ::columns "a sequence of columns' names"
   ::column-or-columns "the name of a column, or a sequence of names"
   ::function "a function"
   ::plain-map "a map with keywords or strings as keys"
   ::output "the index of an output, or a pair [a b] for output a minus output b"
   ::output-or-class "the index of an output, or :class"
   ::counts "a sequence of integers"
   ::pairs "a sequence of pairs [sender receiver]"
   ::numbers "a number, nested vectors, an array or a tensor"
   ::windows "a map with :inputs, :targets, and perhaps :elapsed-time and :mask"
   ::format "one of :vectors, :double-array, :float-array, :array, :tensor"
   ::table-format "one of :vectors, :double-array, :float-array, :rows, :dataset"
   ::rows-or-data-set ":rows or :dataset"
   ::trace-format "one of :vectors, :double-array, :float-array, :array, :tensor, :rows, :dataset"})

;; -- which options each verb takes ----------------------------------------------------------

(def ^:private run
  "Options of a run through a network."
  {:elapsed-time ::numbers :mask ::numbers :state ::numbers})

(def ^:private fit
  "Options of a training."
  {:epochs ::count, :batch-size ::count, :learning-rate ::number, :schedule ::choice
   :max-gradient-norm ::number, :patience ::count, :checkpoint ::a-path, :resume ::flag
   :seed ::integer, :on-epoch ::function, :progress ::flag})

(def ^:private learning
  "Options of a learner."
  {:method ::choice, :optimizer ::choice, :learning-rate ::number, :max-gradient-norm ::number
   :loss ::choice, :max-delay ::count, :window ::count})

(def ^:private saying
  "Options of what says in a few words what a network does."
  (assoc run :time-constants ::numbers :neuron ::count :ask ::columns :names ::columns
         :held-out ::number :seed ::integer))

(s/def ::output-or-class (s/or :one ::count :class #{:class "class"}))
(s/def ::rows-or-data-set #{:rows :dataset})
(s/def ::output (s/or :one ::count :difference (s/coll-of ::count :kind sequential? :count 2)))
(s/def ::counts (s/coll-of ::count))
(s/def ::pairs (s/coll-of (s/coll-of ::count :kind sequential? :count 2)))
(s/def ::trace-format (s/or :array ::format :table ::table-format))

(def verbs
  "Name -> option -> spec of its value."
  {:create-network {:input-size ::count, :hidden-size ::count, :output-size ::count
                    :wiring ::one-or-more-wirings, :dynamics ::choice-with-options
                    :solver ::choice, :unfolds ::count, :constraint ::choice
                    :num-layers ::count, :dropout ::number, :bidirectional ::flag
                    :mixed-memory ::flag, :batch-first ::flag, :return-sequences ::flag
                    :readout ::choice, :seed ::integer, :dtype ::choice}
   :forward (assoc run :return-state ::flag :dropout ::flag :as ::format)
   :trace (assoc run :population ::count :synapses ::flag :currents ::flag :as ::trace-format)
   :effective-time-constants (assoc run :population ::count :as ::format)
   :attribute (assoc run :output ::output :time-constants ::numbers :baseline ::numbers :at ::count
                     :tolerance ::number :as ::format)
   :ablate {:neurons ::counts :synapses ::pairs :sensory-synapses ::pairs :population ::count}
   :rules (assoc saying :output ::output-or-class :depth ::count)
   :formula (assoc saying :output ::count :terms ::count)
   :fixed-points {:time-constants ::numbers :mask ::numbers :elapsed-time ::number :starts ::count
                  :tolerance ::number :seed ::integer :population ::count :as ::format}
   :train! (assoc fit :valid ::windows :drop-last ::flag :save-to ::a-path)
   :fit-table (assoc fit :features ::columns :time ::column-or-columns :time-format ::choice
                     :sort ::flag :duplicates ::choice :calendar ::columns :categories ::columns
                     :group ::column :split ::choice :label-per-group ::flag
                     :horizon ::count :path ::flag :classes ::flag :baseline ::choice
                     :loss ::choice :balance ::flag :quantiles ::levels :seeds ::count
                     :window ::count :stride ::count :valid ::number :test ::number
                     :hidden-size ::count :wiring ::one-or-more-wirings :dynamics ::choice-with-options
                     :solver ::choice :unfolds ::count :mixed-memory ::flag)
   :read-table {:as ::table-format}
   :forecaster/predict {:as ::table-format :latest ::flag :state ::a-path}
   :predict {:batch-size ::count, :as ::format}
   :evaluate {:batch-size ::count}
   :forecaster/evaluate {}
   :stream {:state ::numbers, :as ::format}
   :learner (assoc learning :as ::format)
   :guarded {:learner ::plain-map, :scale ::flag, :warm-up ::count, :skip ::choice, :changes ::flag
             :shadow ::choice, :limit ::number, :window ::count, :as ::format}
   :guarded/learner learning
   :learn! {:delay ::count}
   :parameters {:as ::format}
   :describe {:as ::rows-or-data-set}
   :epochs {:as ::rows-or-data-set}
   :save {:metadata ::plain-map}
   :forecaster/save {}
   :export {:to ::choice :name ::a-path :elapsed-time ::number :numbers ::choice :layout ::choice}
   :draw (assoc run :picture ::choice :inputs ::numbers :time-constants ::numbers :population ::count
                :path ::a-path)
   :load-data {:protocol ::choice, :as ::format}
   :initialize! {:python-executable ::a-path, :threads ::count}})

(defn- spec-of-option [verb option]
  (keyword (str "liquid-neural-networks.options." (str/replace (subs (str verb) 1) "/" "-"))
           (name option)))

(defn- spec-of-options [verb]
  (keyword "liquid-neural-networks.options" (str/replace (subs (str verb) 1) "/" "-")))

(defmacro ^:private define-specs
  "A spec of each verb's options, and one of each option: `::forward`, and
  `:liquid-neural-networks.options.forward/as`."
  []
  `(do
     ~@(for [[verb known] verbs, [option spec] known]
         `(s/def ~(spec-of-option verb option) (s/nilable ~spec)))
     ~@(for [[verb known] verbs]
         `(s/def ~(spec-of-options verb)
            (s/and (s/keys :opt-un ~(mapv #(spec-of-option verb %) (keys known)))
                   (s/map-of ~(set (keys known)) any?))))))

(define-specs)

(defn after-arguments
  "The spec of what a verb takes after its arguments: options as a map, or one by one."
  [verb]
  (let [options (spec-of-options verb)]
    (s/alt :map (s/? (s/nilable options))
           :one-by-one (s/& (s/+ (s/cat :option keyword? :value any?))
                            (fn [pairs]
                              (s/valid? options (into {} (map (juxt :option :value)) pairs)))))))

;; -- checks ---------------------------------------------------------------------------------

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
    (throw (wrong-type key (expectations spec) value))))

(defn- gathered
  "What followed the arguments as one map."
  [given]
  (cond
    (empty? given) {}
    (= 1 (bounded-count 2 given)) (first given)
    (even? (count given)) (apply array-map given)
    :else (throw (error :option-error (last given) "has no value" {:expected "options in pairs"}))))

(defn check
  "Options without those that are nil, if they are what `verb` takes; `given` is one map, or
  options one by one.

  Throws `:option-error` for an unknown key and `:dtype-error` for a value of the wrong kind."
  [verb given]
  (let [known (verbs verb)
        options (gathered given)]
    (when-not (or (nil? options) (map? options))
      (throw (wrong-type :options "a map" options)))
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
  (keyword (str/replace text #"[_ ]" "-")))

(def ^:private python-names
  "What Python calls options, where that is not what they are called here."
  (into {} (for [options (vals verbs), key (keys options)
                 :when (str/includes? (name key) "-")]
             [(snake key) key])))

(def ^:private python-name
  (re-pattern (str "(?<![\\w.'\"])(?:" (str/join "|" (keys python-names)) ")(?![\\w.'\"])")))

(defn clojure-words
  "A message of Python's with the names of options and values that they have here."
  [message]
  (-> message
      (str/replace python-name (comp str python-names))
      (str/replace #"\bgot (None|True|False)\b"
                   #(str "got " ({"None" "nil" "True" "true" "False" "false"} (second %))))))

(defn argument-name
  "The keyword of an argument of Python's; other text, such as a path, as it is."
  [text]
  (if (re-matches #"[A-Za-z_][\w]*(\.\w+)*" text) (kebab text) text))

(defn letter-by-letter
  "The text of a keyword or another name, its namespace included."
  [name]
  (if (keyword? name) (subs (str name) 1) (str name)))

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
    (keyword? value) (letter-by-letter value)
    (map? value) (into {} (for [[k v] value] [(plain k argument) (plain v argument)]))
    (or (nil? value) (boolean? value) (number? value) (string? value)) value
    (sequential? value) (mapv #(plain % argument) value)
    :else (throw (wrong-type argument "nil, booleans, numbers, strings, vectors and maps" value))))

(defn to-keywords
  "The inverse of `plain` for keys."
  [value]
  (cond
    (map? value) (into {} (for [[k v] value] [(keyword k) (to-keywords v)]))
    (sequential? value) (mapv to-keywords value)
    :else value))
