(ns ^:no-doc liquid-neural-networks.tables
  "Tables to Python and back: the path of a file, a map of columns, a sequence of maps, or a data
  set of tech.ml.dataset, which those of tablecloth are. Numbers cross as arrays, times as
  microseconds in arrays, text and flags one by one."
  (:require [liquid-neural-networks.arrays :as arrays]
            [liquid-neural-networks.errors :refer [error shown wrong-type]]
            [liquid-neural-networks.options :as options :refer [letter-by-letter]])
  (:import [java.time Instant LocalDate LocalDateTime OffsetDateTime ZonedDateTime ZoneOffset]
           [java.time.temporal ChronoUnit]
           [java.util Date Map]))

(set! *warn-on-reflection* true)

(defn column-names
  "One column or several, as Python takes them."
  [columns]
  (if (sequential? columns) (mapv letter-by-letter columns) (letter-by-letter columns)))

;; -- columns --------------------------------------------------------------------------------

;; tech.ml.dataset is never a dependency of ours: whoever has a data set has loaded it.
(defn- data-set? [table]
  (when-let [found (some-> (find-ns 'tech.v3.dataset.protocols) (ns-resolve 'is-dataset?))]
    (found table)))

(defn path?
  "Whether a table is the path of one."
  [table]
  (or (string? table) (instance? java.io.File table) (instance? java.nio.file.Path table)))

(defn- by-name [columns]
  (sort-by (comp letter-by-letter first) columns))

(defn- columns-of-rows [rows]
  (doseq [row rows :when (not (instance? Map row))]
    (throw (wrong-type :table "a map in each row" row)))
  (by-name (for [column (distinct (mapcat keys rows))]
             [column (mapv #(get % column) rows)])))

(defn columns
  "[name values] of each column. Those of a data set are in its order, others in that of their
  names: equal maps have to give equal results."
  [table]
  (cond
    (data-set? table) (mapv (fn [[column values]] [column (vec values)]) (.entrySet ^Map table))
    (instance? Map table) (by-name (map vec table))
    (sequential? table) (columns-of-rows (arrays/finite table :table))
    :else (throw (wrong-type :table "the path of a file, a map of columns, a sequence of maps, or a data set"
                             table))))

(defn names
  "A function that gives the caller's own name of what Python names: a column of the table, or
  one that is named in the options, an option, or a path."
  [table & mentioned]
  (let [own (into {}
                  (map (juxt letter-by-letter identity))
                  (concat (flatten mentioned) (when-not (path? table) (map first (columns table)))))
        option? (into #{} (map options/snake) (keys (:fit-table options/verbs)))]
    (fn [named]
      (cond
        (contains? own named) (own named)
        (or (option? named) (= named "table")) (options/kebab named)
        (re-find #"[/\\]|\.\w+$" named) named
        :else (keyword named)))))

;; -- times ----------------------------------------------------------------------------------

(defn- since-1970 ^long [^Instant instant]
  (.between ChronoUnit/MICROS Instant/EPOCH instant))

(def ^:private kinds
  "Class of a time, its kind, and how it becomes an instant."
  [[LocalDate "dates" (fn [^LocalDate t] (.toInstant (.atStartOfDay t) ZoneOffset/UTC))]
   [LocalDateTime "times" (fn [^LocalDateTime t] (.toInstant t ZoneOffset/UTC))]
   [Instant "instants" identity]
   [java.sql.Date "dates" (fn [^java.sql.Date t]
                            (.toInstant (.atStartOfDay (.toLocalDate t)) ZoneOffset/UTC))]
   [java.sql.Time nil nil]                                 ; a Date without a day
   [Date "instants" (fn [^Date t] (.toInstant t))]
   [OffsetDateTime "instants" (fn [^OffsetDateTime t] (.toInstant t))]
   [ZonedDateTime "instants" (fn [^ZonedDateTime t] (.toInstant t))]])

(defn- kind-of
  "[kind to-instant] of a value that is a time, else nil."
  [value]
  (let [[_ & [kind :as found]] (first (filter (fn [[class]] (instance? class value)) kinds))]
    (when kind found)))

(defn- from-microseconds
  "A function of microseconds since 1970, which are NaN where there is no time."
  [kind]
  (fn [microseconds]
    (when-not (Double/isNaN microseconds)
      (let [instant (.plus Instant/EPOCH (long microseconds) ChronoUnit/MICROS)
            local (LocalDateTime/ofInstant instant ZoneOffset/UTC)]
        (case kind
          "dates" (.toLocalDate local)
          "times" local
          "instants" instant)))))

;; -- to Python ------------------------------------------------------------------------------

(defn- microseconds
  "A column of times as numbers."
  [column values [kind to-instant]]
  (mapv (fn [value]
          (cond
            (nil? value) nil
            (= kind (first (kind-of value))) (since-1970 (to-instant value))
            :else (throw (wrong-type column "times of one kind" value))))
        values))

(defn- plain [column values]
  (mapv (fn [value]
          (cond
            (or (nil? value) (string? value) (boolean? value)) value
            (keyword? value) (letter-by-letter value)
            :else (throw (wrong-type column "text, or true and false" value))))
        values))

(defn- described
  "[column kind values]; numbers are still to be written to memory."
  [[column values]]
  (let [values (if (sequential? values) (arrays/finite values column) values)
        known (when (sequential? values) (first (filter some? values)))
        time (kind-of known)]
    (cond
      time [column (first time) (microseconds column values time)]
      (or (string? known) (boolean? known) (keyword? known)) [column "plain" (plain column values)]
      :else [column "numbers" (if (sequential? values) (vec values) values)])))

(defn- check-names [columns]
  (doseq [[name same] (group-by (comp letter-by-letter first) columns) :when (next same)]
    (throw (error :data-error (first (last same)) (str "two columns are called " (shown name))))))

(defn to-python
  "A table as Python takes it. Columns of numbers lie in memory until the scope of `memory` ends."
  [table]
  (if (path? table)
    (str table)
    (let [columns (columns table)
          columns (do (check-names columns) (mapv described columns))
          placed (arrays/place (for [[column kind values] columns :when (not= kind "plain")]
                                 [[(letter-by-letter column)] column values]))]
      (vec (for [[column kind values] columns :let [name (letter-by-letter column)]]
             {"name" name "kind" kind "values" (if (= kind "plain") values (placed name))})))))

;; -- from Python ----------------------------------------------------------------------------

(defn- column-values [{:strs [kind values]} format]
  (cond
    (= kind "plain") (vec values)
    (not= kind "numbers") (mapv (from-microseconds kind) (arrays/read-array values :double-array))
    (= format :vectors) (mapv #(when-not (Double/isNaN %) %)
                              (arrays/read-array values :double-array))
    :else (arrays/read-array values format)))

(defn rows
  "Columns of equal length as maps, one a row."
  [columns]
  (let [names (keys columns)]
    (apply mapv (fn [& cells] (apply array-map (interleave names cells))) (vals columns))))

(defn as-table
  "A map of columns as :rows, a :dataset of tech.ml.dataset, or as it is."
  [columns format]
  (case format
    :rows (rows columns)
    :dataset (let [->dataset (try (requiring-resolve 'tech.v3.dataset/->dataset)
                                  (catch java.io.FileNotFoundException _
                                    (throw (error :missing-dependency-error :as
                                                  "data sets need tech.ml.dataset, or tablecloth"))))]
               (->dataset columns))
    columns))

(defn from-rows
  "Rows as they are, or as a data set."
  [rows format]
  (if (= format :rows) rows (as-table rows format)))

(defn from-python
  "Columns as a map in their order, or as `format` says."
  [columns format]
  (let [numbers (if (#{:rows :dataset} format) :vectors format)]
    (as-table (apply array-map
                     (mapcat (fn [{:strs [name] :as column}]
                               [(keyword name) (column-values column numbers)])
                             columns))
              format)))
