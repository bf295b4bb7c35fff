(ns liquid-neural-networks.vectors
  "Reads the conformance vectors of spec/: MessagePack with arrays as maps of dtype, shape, data."
  (:require [clojure.java.io :as io]
            [liquid-neural-networks.helpers :refer [root]])
  (:import [java.io DataInputStream File]
           [java.nio ByteBuffer ByteOrder]))

(set! *warn-on-reflection* true)

(defn- raw ^bytes [^DataInputStream in size]
  (.readNBytes in (int size)))

(defn- text [in size] (String. (raw in size) "UTF-8"))

(defn- unsigned-int [^DataInputStream in] (bit-and (.readInt in) 0xffffffff))

(declare item)

(defn- items [in size] (vec (repeatedly size #(item in))))

(defn- entries [in size] (into {} (repeatedly size #(vector (item in) (item in)))))

(defn- item [^DataInputStream in]
  (let [tag (.readUnsignedByte in)]
    (cond
      (< tag 0x80) tag
      (< tag 0x90) (entries in (bit-and tag 0x0f))
      (< tag 0xa0) (items in (bit-and tag 0x0f))
      (< tag 0xc0) (text in (bit-and tag 0x1f))
      (>= tag 0xe0) (- tag 0x100)
      :else
      (case tag
        0xc0 nil
        0xc2 false
        0xc3 true
        0xc4 (raw in (.readUnsignedByte in))
        0xc5 (raw in (.readUnsignedShort in))
        0xc6 (raw in (unsigned-int in))
        0xca (double (.readFloat in))
        0xcb (.readDouble in)
        0xcc (.readUnsignedByte in)
        0xcd (.readUnsignedShort in)
        0xce (unsigned-int in)
        0xcf (.readLong in)
        0xd0 (long (.readByte in))
        0xd1 (long (.readShort in))
        0xd2 (long (.readInt in))
        0xd3 (.readLong in)
        0xd9 (text in (.readUnsignedByte in))
        0xda (text in (.readUnsignedShort in))
        0xdc (items in (.readUnsignedShort in))
        0xdd (items in (unsigned-int in))
        0xde (entries in (.readUnsignedShort in))
        0xdf (entries in (unsigned-int in))))))

(defn- decoded
  "Arrays as {:shape :data}."
  [value]
  (cond
    (and (map? value) (= #{"dtype" "shape" "data"} (set (keys value))))
    (let [size (apply * (value "shape"))
          memory (.order (ByteBuffer/wrap (value "data")) ByteOrder/LITTLE_ENDIAN)]
      {:shape (value "shape")
       :data (case (value "dtype")
               "f8" (double-array (repeatedly size #(.getDouble memory)))
               "i4" (long-array (repeatedly size #(.getInt memory)))
               "u1" (long-array (repeatedly size #(.get memory))))})
    (map? value) (update-vals value decoded)
    (vector? value) (mapv decoded value)
    :else value))

(defn all
  "Every case, in the order of their names."
  []
  (for [^File file (sort (.listFiles (io/file root "spec" "vectors")))
        :when (.endsWith (.getName file) ".msgpack")]
    (with-open [in (DataInputStream. (io/input-stream file))]
      (decoded (item in)))))
