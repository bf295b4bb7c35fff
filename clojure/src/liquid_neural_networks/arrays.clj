(ns ^:no-doc liquid-neural-networks.arrays
  "Numbers to Python and back through memory both sides can see; none is boxed on the way.

  To Python go nested sequences, Java arrays (one-dimensional ones with their shape, as
  `{:data array :shape [...]}`) and the tensors of dtype-next. They are written into memory that
  Python copies from; only addresses and shapes cross."
  (:require [clojure.string :as str]
            [liquid-neural-networks.errors :refer [error shown wrong-type]]
            [liquid-neural-networks.memory :as memory]
            [liquid-neural-networks.options :refer [snake]]
            [liquid-neural-networks.runtime :as runtime])
  (:import [clojure.lang ISeq Sequential]
           [com.sun.jna Pointer]
           [java.nio ByteBuffer DoubleBuffer]
           [java.util Collection List RandomAccess]))

(set! *warn-on-reflection* true)
(set! *unchecked-math* :warn-on-boxed)

;; -- what can be written: a shape, a dtype, and how -----------------------------------------

(def ^:private doubles-class (class (double-array 0)))
(def ^:private floats-class (class (float-array 0)))
(def ^:private longs-class (class (long-array 0)))
(def ^:private ints-class (class (int-array 0)))

(defn- size-of ^long [dtype] (case dtype "f8" 8 "f4" 4 "i8" 8))

(defn- elements ^long [shape] (reduce (fn [^long a ^long b] (* a b)) 1 shape))

(defn- refuse-shape [argument expected got]
  (throw (error :shape-error argument (str "expected " expected ", got " got) {:expected expected})))

(defn- refuse-element [argument value]
  (throw (error :dtype-error argument
                (str "expected numbers, got " (shown value)
                     (when-not (or (nil? value) (string? value) (keyword? value))
                       (str ", a " (.getName (class value)))))
                {:expected "numbers" :value value})))

(def ^:private longest
  "Elements of a lazy sequence at most; it may have no end."
  4194304)

(defn finite
  "A collection that knows its size: a lazy sequence is read once.

  Throws `:shape-error` when it does not seem to end."
  ^Collection [value argument]
  (if (instance? ISeq value)
    (let [read (into [] (take (inc (long longest))) value)]
      (when (< (long longest) (count read))
        (refuse-shape argument (str "at most " longest " elements in a sequence (arrays may be longer)")
                      "more"))
      read)
    value))

(defn- rows?
  "Whether a value is a sequence of something, not a number."
  [value]
  (or (instance? Sequential value) (instance? List value)
      (and (some? value) (.isArray (class value)))))

(defn- realised
  "Nested rows with the lazy sequences among them read; what is no sequence is left as it is."
  [value argument]
  (if (and (rows? value) (not (some-> value class .isArray)))
    (let [rows (finite value argument)]
      (if (rows? (first rows))
        (mapv #(realised % argument) rows)
        rows))
    value))

(defn- nested-shape
  "Sizes along the first element of each level."
  [value]
  (loop [shape [] value value]
    (cond
      (and (some? value) (.isArray (class value)))
      (recur (conj shape (java.lang.reflect.Array/getLength value))
             (when (pos? (java.lang.reflect.Array/getLength value))
               (java.lang.reflect.Array/get value 0)))
      (rows? value) (recur (conj shape (count value)) (first value))
      :else shape)))

(defn- putter
  "A function that writes one element, nil as NaN; flags only for a mask."
  [^DoubleBuffer buffer argument]
  (let [flags (= argument :mask)]
    (fn [value]
      (cond
        (number? value) (.put buffer (double value))
        (nil? value) (.put buffer Double/NaN)
        (and flags (boolean? value)) (.put buffer (if value 1.0 0.0))
        :else (refuse-element argument value)))))

(defn- fill!
  "Feeds every number of nested rows of this shape to `put`."
  [put ^DoubleBuffer buffer value shape depth argument]
  (let [depth (long depth)
        size (long (nth shape depth))
        last? (= (inc depth) (count shape))
        refuse #(refuse-shape argument
                              (str "rows of equal length, " size " at level " (inc depth))
                              (if (rows? %) (count %) (shown %)))]
    (cond
      (and last? (instance? doubles-class value))
      (if (= size (alength ^doubles value)) (.put buffer ^doubles value) (refuse value))

      (rows? value)
      (let [rows (if (.isArray (class value)) (seq value) value)]
        (when-not (= size (count rows)) (refuse value))
        (if last?
          (run! put rows)
          (run! #(fill! put buffer % shape (inc depth) argument) rows)))

      :else (refuse value))))

(defn- nested
  "Nested rows, whose nils are missing values."
  [value argument]
  (let [value (realised value argument)
        shape (nested-shape value)]
    {:shape shape
     :dtype "f8"
     :write (fn [^ByteBuffer memory]
              (let [buffer (.asDoubleBuffer memory)]
                (when (pos? (elements shape))
                  (fill! (putter buffer argument) buffer value shape 0 argument))))}))

(defn- flat [shape dtype write]
  {:shape shape :dtype dtype :write write})

(defn- primitive
  "A one-dimensional Java array, or nil if `value` is none."
  [value shape]
  (condp instance? value
    doubles-class (flat shape "f8" #(.put (.asDoubleBuffer ^ByteBuffer %) ^doubles value))
    floats-class (flat shape "f4" #(.put (.asFloatBuffer ^ByteBuffer %) ^floats value))
    longs-class (flat shape "i8" #(.put (.asLongBuffer ^ByteBuffer %) ^longs value))
    ints-class (flat shape "i8" #(.put (.asLongBuffer ^ByteBuffer %)
                                                 (long-array ^ints value)))
    nil))

(defn- float-rows
  "Rows of floats, which cross as floats."
  [value argument]
  (let [shape (nested-shape value)]
    (flat shape "f4"
          (fn [^ByteBuffer memory]
            (let [buffer (.asFloatBuffer memory)]
              ((fn put [value ^long depth]
                 (when-not (= (nth shape depth) (java.lang.reflect.Array/getLength value))
                   (refuse-shape argument "rows of equal length"
                                 (java.lang.reflect.Array/getLength value)))
                 (if (instance? floats-class value)
                   (.put buffer ^floats value)
                   (run! #(put % (inc depth)) value)))
               value 0))))))

(defn- float-rows? [value]
  (boolean (re-matches #"\[\[+F" (.getName (class value)))))

(defn- with-shape
  "Flat numbers with their shape: `{:data array :shape [2 3]}`."
  [{:keys [data shape] :as given} argument]
  (when-not (and (contains? given :data) (contains? given :shape))
    (throw (error :dtype-error argument
                  (str "expected numbers, or a map with :data and :shape, got a map with "
                       (if (empty? given) "nothing" (str/join ", " (map shown (take 5 (keys given)))))
                       (when (= argument :time-constants)
                         "; options come after the time constants, which may be nil"))
                  {:expected "numbers, or a map with :data and :shape"})))
  (when-not (and (sequential? shape) (every? nat-int? (take 10 shape)))
    (throw (error :shape-error argument (str "expected :shape with sizes, got " (shown shape))
                  {:expected "sizes"})))
  (let [data (if (rows? data) (realised data argument) data)
        length (cond (nil? data) -1
                     (.isArray (class data)) (java.lang.reflect.Array/getLength data)
                     (rows? data) (count data)
                     :else -1)]
    (when-not (= length (elements shape))
      (refuse-shape argument (str (elements shape) " numbers for shape " (vec shape))
                    (if (= -1 length) (shown data) length)))
    (or (primitive data (vec shape))
        (assoc (nested data argument) :shape (vec shape)))))

;; dtype-next is never a dependency of ours: whoever has a tensor has loaded it.
(defn- dtype-next [name]
  (some-> (find-ns 'tech.v3.datatype) (ns-resolve name) deref))

(defn- tensor
  "A tensor or buffer of dtype-next, or nil if `value` is none."
  [value]
  (when-let [reader? (dtype-next 'reader?)]
    (when (reader? value)
      (let [shape (vec ((dtype-next 'shape) value))]
        (case ((dtype-next 'elemwise-datatype) value)
          :object nil                                       ; any list of Java's will do as a buffer
          :float32 (primitive ((dtype-next '->float-array) value) shape)
          (primitive ((dtype-next '->double-array) value) shape))))))

(defn- prepare
  "{:shape :dtype :write} of numbers, `write` a function of a ByteBuffer for them."
  [value argument]
  (cond
    (or (nil? value) (string? value) (keyword? value)) (refuse-element argument value)
    (instance? Sequential value) (nested value argument)
    (and (instance? java.util.Map value) (not (tensor value))) (with-shape value argument)
    (.isArray (class value)) (cond
                               (float-rows? value) (float-rows value argument)
                               :else (or (primitive value [(java.lang.reflect.Array/getLength value)])
                                         (nested value argument)))
    :else (or (tensor value)
              (when (instance? RandomAccess value) (nested value argument))
              (throw (wrong-type argument "numbers in vectors, arrays or a tensor" value)))))

;; -- to Python ------------------------------------------------------------------------------

(defn- number-or-prepared [argument value]
  (if (number? value) (double value) (prepare value argument)))

(defn place
  "Writes [path argument value] entries to memory; path -> number or description, valid until the
  scope of `memory` ends."
  [entries]
  (let [made (vec (for [[path argument value] entries :when (some? value)]
                    [path argument (number-or-prepared argument value)]))
        ;; Lazy sequences are read by now: what they compute may use this memory too.
        parts (mapv (fn [[_ argument {:keys [shape dtype] :as each}]]
                      (when (map? each)
                        (memory/allocate (* (elements shape) (size-of dtype)) argument)))
                    made)]
    (reduce (fn [placed [[path _ {:keys [shape dtype write] :as each}] part]]
              (assoc-in placed path
                        (if (number? each)
                          each
                          (do (write part)
                              {"address" (memory/address part) "shape" shape "dtype" dtype}))))
            {}
            (map vector made parts))))

(defn described
  "Arguments by name, as Python takes them: numbers as they are, arrays written to memory and
  described; nil is left out. Valid until the scope of `memory` ends."
  [arguments]
  (place (for [[name value] arguments] [[(snake name)] name value])))

(defn described-parts
  "`described` for maps of arguments by the name of a part."
  [parts]
  (place (for [[part arguments] parts, [name value] arguments]
           [[(snake part) (snake name)] name value])))

(defn numbers
  "A direct buffer of `size` doubles and its description for Python."
  [size]
  (let [bytes (memory/direct (* 8 (long size)))]
    {:buffer (.asDoubleBuffer bytes)
     :description {"address" (memory/address bytes) "shape" [size] "dtype" "f8"}}))

(defn- as-tensor [values shape]
  (let [reshape (try (requiring-resolve 'tech.v3.tensor/reshape)
                     (catch java.io.FileNotFoundException _
                       (throw (error :missing-dependency-error :as
                                     "tensors need dtype-next, which comes with libpython-clj"))))
        ->tensor (requiring-resolve 'tech.v3.tensor/ensure-tensor)]
    (reshape (->tensor values) shape)))

(defn number
  "A number as a double."
  [argument value]
  (if (number? value) (double value) (refuse-element argument value)))

(defn fill-sample!
  "Writes one sample, or target, nil as NaN, to the beginning of a buffer that has two numbers
  more."
  [^DoubleBuffer buffer sample argument]
  (.clear buffer)
  (let [size (- (.capacity buffer) 2)
        refuse #(refuse-shape argument (str size " numbers") %)]
    (cond
      (instance? doubles-class sample)
      (if (= size (alength ^doubles sample)) (.put buffer ^doubles sample)
          (refuse (alength ^doubles sample)))

      (and (vector? sample) (= size (count sample)))
      (dotimes [i size]
        (let [value (nth sample i)]
          (.put buffer (double (if (nil? value) Double/NaN (number argument value))))))

      :else
      (let [{:keys [shape dtype write]} (prepare sample argument)
            bytes (memory/direct (max 8 (* (elements shape) (size-of dtype))))]
        (when-not (= [size] shape) (refuse (if (= 1 (count shape)) (first shape) shape)))
        (write bytes)
        (dotimes [i size]
          (.put buffer (case dtype
                         "f8" (.getDouble bytes (* 8 i))
                         "f4" (double (.getFloat bytes (* 4 i)))
                         "i8" (double (.getLong bytes (* 8 i))))))))))

(defn set-time!
  "Writes the two numbers behind a sample."
  [^DoubleBuffer buffer ^double elapsed-time ^double time-constant]
  (let [size (.capacity buffer)]
    (.put buffer (- size 2) elapsed-time)
    (.put buffer (dec size) time-constant)))

(defn read-sample
  "One output."
  [^DoubleBuffer buffer format]
  (let [values (double-array (.capacity buffer))]
    (.get (.duplicate buffer) values)
    (case format
      :vectors (vec values)
      :double-array values
      :float-array (float-array values)
      :array {:shape [(alength values)] :data values}
      :tensor (as-tensor values [(alength values)]))))

;; -- from Python ----------------------------------------------------------------------------

(defn- doubles-at ^doubles [^long address ^long size dtype]
  (let [memory (Pointer. address)]
    (case dtype
      "f8" (.getDoubleArray memory 0 size)
      "f4" (let [values (.getFloatArray memory 0 size) wide (double-array size)]
             (dotimes [i size] (aset wide i (aget values i)))
             wide)
      "i8" (double-array (.getLongArray memory 0 size))
      "u1" (double-array (.getByteArray memory 0 size)))))

(defn- floats-at ^floats [^long address ^long size dtype]
  (if (= dtype "f4")
    (.getFloatArray (Pointer. address) 0 size)
    (float-array (doubles-at address size dtype))))

(defn- rows
  "Nested vectors of this shape, from numbers in row-major order."
  [^doubles values shape]
  (let [depth (count shape)
        sizes (long-array shape)
        position (long-array 1)
        level (fn level [^long d]
                (if (= d depth)
                  (let [at (aget position 0)]
                    (aset position 0 (inc at))
                    (aget values at))
                  (let [size (aget sizes d) made (object-array size)]
                    (dotimes [i size] (aset made i (level (inc d))))
                    (vec made))))]
    (level 0)))

(defn- read-numbers [{:strs [address shape dtype]} format]
  (let [size (elements shape)]
    (case format
      :vectors (if (zero? size)
                 []
                 (rows (doubles-at address size dtype) shape))
      :double-array (if (zero? size) (double-array 0) (doubles-at address size dtype))
      :float-array (if (zero? size) (float-array 0) (floats-at address size dtype))
      :array {:shape shape
              :data (case dtype
                      "f4" (floats-at address size dtype)
                      "i8" (.getLongArray (Pointer. address) 0 size)
                      (doubles-at address size dtype))}
      :bytes (.getByteArray (Pointer. address) 0 size)
      :tensor (as-tensor (if (= dtype "f4")
                           (floats-at address size dtype)
                           (doubles-at address size dtype))
                         shape))))

(defn read-array
  "An array made by Python, as one of the formats of `options`, or as :bytes; then Python may
  let go of it."
  [{:strs [handle] :as described} format]
  (try
    (read-numbers described format)
    (finally (when handle (runtime/abandon! handle)))))
