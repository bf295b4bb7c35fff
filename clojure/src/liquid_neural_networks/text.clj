(ns ^:no-doc liquid-neural-networks.text
  "Plain data as text: JSON to Python, and what Python writes back, which is EDN but for the
  symbols null, NaN, Infinity and -Infinity."
  (:refer-clojure :exclude [read])
  (:require [clojure.edn :as edn]
            [liquid-neural-networks.errors :refer [wrong-type]]))

(set! *warn-on-reflection* true)

(declare write!)

(defn- write-string! [^StringBuilder out ^String text]
  (.append out \")
  (dotimes [i (.length text)]
    (let [c (.charAt text i)]
      (cond
        (or (= c \") (= c \\)) (.append (.append out \\) c)
        (< (int c) 32) (.append out (format "\\u%04x" (int c)))
        :else (.append out c))))
  (.append out \"))

(defn- write-number! [^StringBuilder out value]
  (.append out (cond
                 (integer? value) (str value)
                 (Double/isNaN (double value)) "NaN"
                 (Double/isInfinite (double value)) (if (pos? (double value)) "Infinity" "-Infinity")
                 :else (str (double value)))))

(defn- write-listed! [^StringBuilder out before write-each! values after]
  (.append out ^String before)
  (reduce (fn [first? value]
            (when-not first? (.append out \,))
            (write-each! out value)
            false)
          true values)
  (.append out ^String after))

(defn- write! [^StringBuilder out value]
  (cond
    (nil? value) (.append out "null")
    (string? value) (write-string! out value)
    (number? value) (write-number! out value)
    (boolean? value) (.append out (str value))
    (map? value) (write-listed! out "{" (fn [^StringBuilder out [k v]]
                                          (write-string! out k)
                                          (.append out \:)
                                          (write! out v))
                                value "}")
    (sequential? value) (write-listed! out "[" write! value "]")
    :else (throw (wrong-type :options "numbers, strings, keywords, vectors and maps" value))))

(defn write
  "Maps with strings for keys, sequences, strings, numbers, true, false and nil as JSON.

  Throws `:dtype-error` for anything else."
  ^String [value]
  (str (write! (StringBuilder.) value)))

(defn- value-of [read]
  (cond
    (map? read) (persistent! (reduce-kv (fn [made k v] (assoc! made k (value-of v)))
                                        (transient {}) read))
    (vector? read) (mapv value-of read)
    (symbol? read) (case (name read) "null" nil, "NaN" ##NaN, "Infinity" ##Inf, "-Infinity" ##-Inf)
    :else read))

(defn read
  "What Python wrote; maps of more than eight keys are in no order."
  [text]
  (value-of (edn/read-string text)))
