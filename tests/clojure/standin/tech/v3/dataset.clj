(ns tech.v3.dataset
  "A stand-in for tech.ml.dataset: data sets that are maps of columns in an order of their own,
  columns that are lists and no sequences of Clojure's, with nil where a value is missing."
  (:require [tech.v3.dataset.protocols :as protocols])
  (:import [clojure.lang IPersistentMap MapEntry]
           [java.util AbstractList LinkedHashSet List Map RandomAccess]))

(defn- column [values]
  (let [^List values (vec values)]
    (proxy [AbstractList RandomAccess] []
      (size [] (.size values))
      (get [i] (.get values (int i))))))

(declare data-set)

(deftype Dataset [names columns]
  protocols/PDataset
  (is-dataset? [_] true)
  Map
  (size [_] (count names))
  (get [_ k] (columns k))
  (containsKey [_ k] (contains? columns k))
  (entrySet [_]
    (let [entries (LinkedHashSet.)]
      (doseq [n names] (.add entries (MapEntry/create n (columns n))))
      entries))
  (keySet [_] (LinkedHashSet. ^java.util.Collection names))
  (values [_] (mapv columns names))
  IPersistentMap
  (valAt [_ k] (columns k))
  (valAt [_ k other] (get columns k other))
  (entryAt [_ k] (when-let [v (columns k)] (MapEntry/create k v)))
  (assoc [_ k v] (data-set (if (columns k) names (conj names k)) (assoc columns k (column v))))
  (without [_ k] (data-set (vec (remove #{k} names)) (dissoc columns k)))
  (seq [_] (seq (mapv #(MapEntry/create % (columns %)) names)))
  (count [_] (count names))
  (iterator [this] (.iterator ^Iterable (seq this))))

(defn- data-set [names columns] (Dataset. names columns))

(defn ->dataset
  "Of a map of columns, or of a sequence of maps."
  [table]
  (if (map? table)
    (data-set (vec (keys table)) (update-vals (into {} table) column))
    (let [names (vec (distinct (mapcat keys table)))]
      (data-set names (into {} (for [n names] [n (column (map #(get % n) table))]))))))

(defn rows
  "Maps, one a row."
  [^Dataset table]
  (mapv (fn [i] (into {} (for [[n values] table] [n (nth values i)])))
        (range (count (val (first table))))))
