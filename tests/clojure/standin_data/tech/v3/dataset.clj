(ns tech.v3.dataset
  "A stand-in for tech.ml.dataset: data sets that are maps of columns in an order of their own,
  columns that are lists and no sequences of Clojure's, with nil where a value is missing."
  (:require [tech.v3.dataset.protocols :as protocols])
  (:import [clojure.lang IObj IPersistentMap MapEntry]
           [java.util AbstractList LinkedHashSet List Map RandomAccess]))

(defn new-column [name values metadata]
  (let [^List values (vec values)]
    (proxy [AbstractList RandomAccess IObj] []
      (size [] (.size values))
      (get [i] (.get values (int i)))
      (meta [] (assoc metadata :name name))
      (withMeta [changed] (new-column name values changed)))))

(declare data-set)

(deftype Dataset [names columns metadata]
  protocols/PDataset
  (is-dataset? [_] true)
  IObj
  (meta [_] metadata)
  (withMeta [_ changed] (Dataset. names columns changed))
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
  (assoc [_ k v]
    (data-set (if (columns k) names (conj names k))
              (assoc columns k (new-column k v (or (meta v) {})))
              metadata))
  (without [_ k] (data-set (vec (remove #{k} names)) (dissoc columns k) metadata))
  (seq [_] (seq (mapv #(MapEntry/create % (columns %)) names)))
  (count [_] (count names))
  (iterator [this] (.iterator ^Iterable (seq this))))

(defn- data-set [names columns metadata] (Dataset. names columns metadata))

(defn new-dataset [columns]
  (let [names (mapv (comp :name meta) columns)]
    (data-set names (zipmap names columns) {})))

(defn ->dataset
  "Of a map of columns, or of a sequence of maps."
  [table]
  (new-dataset (if (map? table)
                 (for [[name values] table] (new-column name values {}))
                 (for [name (distinct (mapcat keys table))]
                   (new-column name (map #(get % name) table) {})))))

(defn select-columns [^Dataset table names]
  (with-meta (new-dataset (map #(get table %) names)) (meta table)))
