(ns ^:no-doc liquid-neural-networks.tables
  "Tables to Python and back: the path of a file, or a map of columns. Numbers cross as arrays,
  times as microseconds in arrays, text and flags one by one."
  (:require [liquid-neural-networks.arrays :as arrays]
            [liquid-neural-networks.errors :refer [error]])
  (:import [java.time Instant LocalDate LocalDateTime OffsetDateTime ZonedDateTime ZoneOffset]
           [java.time.temporal ChronoUnit]
           [java.util Date]))

(set! *warn-on-reflection* true)

(defn column-name
  "The name of a column, letter by letter."
  [column]
  (if (keyword? column) (subs (str column) 1) (str column)))

(defn column-names
  "One column or several, as Python takes them."
  [columns]
  (if (sequential? columns) (mapv column-name columns) (column-name columns)))

;; -- times ----------------------------------------------------------------------------------

(defn- since-1970 ^long [^Instant instant]
  (.between ChronoUnit/MICROS Instant/EPOCH instant))

(def ^:private kinds
  "Class of a time -> its kind, and how it becomes an instant."
  {LocalDate ["dates" (fn [^LocalDate t] (.toInstant (.atStartOfDay t) ZoneOffset/UTC))]
   LocalDateTime ["times" (fn [^LocalDateTime t] (.toInstant t ZoneOffset/UTC))]
   Instant ["instants" identity]
   Date ["instants" (fn [^Date t] (.toInstant t))]
   OffsetDateTime ["instants" (fn [^OffsetDateTime t] (.toInstant t))]
   ZonedDateTime ["instants" (fn [^ZonedDateTime t] (.toInstant t))]})

(defn- kind-of
  "[kind to-instant] of a value that is a time, else nil."
  [value]
  (some (fn [[class found]] (when (instance? class value) found)) kinds))

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

(defn- refuse [column value expected]
  (throw (error :dtype-error column (str "expected " expected ", got " (pr-str value))
                {:expected expected :value value})))

(defn- microseconds
  "A column of times as numbers."
  [column values [kind to-instant]]
  (mapv (fn [value]
          (cond
            (nil? value) nil
            (= kind (first (kind-of value))) (since-1970 (to-instant value))
            :else (refuse column value "times of one kind")))
        values))

(defn- plain [column values]
  (mapv (fn [value]
          (cond
            (or (nil? value) (string? value) (boolean? value)) value
            (keyword? value) (column-name value)
            :else (refuse column value "text, or true and false")))
        values))

(defn- described
  "[kind values] of a column; numbers are still to be written to memory."
  [column values]
  (let [known (when (sequential? values) (first (filter some? values)))
        time (kind-of known)]
    (cond
      time [(first time) (microseconds column values time)]
      (or (string? known) (boolean? known) (keyword? known)) ["plain" (plain column values)]
      :else ["numbers" values])))

(defn to-python
  "A table as Python takes it. Columns of numbers lie in this thread's memory."
  [table]
  (cond
    (map? table)
    (let [columns (vec (for [[column values] table] (into [column] (described column values))))
          placed (arrays/place (for [[column kind values] columns :when (not= kind "plain")]
                                 [[(column-name column)] column values]))]
      (vec (for [[column kind values] columns :let [name (column-name column)]]
             {"name" name "kind" kind "values" (if (= kind "plain") values (placed name))})))

    (or (string? table) (instance? java.io.File table) (instance? java.nio.file.Path table))
    (str table)

    :else (refuse :table table "the path of a file or a map of columns")))

;; -- from Python ----------------------------------------------------------------------------

(defn- column-values [{:strs [kind values]} format]
  (cond
    (= kind "plain") (vec values)
    (not= kind "numbers") (mapv (from-microseconds kind) (arrays/read-array values :double-array))
    (= format :vectors) (mapv #(when-not (Double/isNaN %) %)
                              (arrays/read-array values :double-array))
    :else (arrays/read-array values format)))

(defn from-python
  "Columns as a map, in their order; `format` says what numbers are."
  [columns format]
  (apply array-map
         (mapcat (fn [{:strs [name] :as column}] [(keyword name) (column-values column format)])
                 columns)))
