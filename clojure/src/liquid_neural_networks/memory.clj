(ns ^:no-doc liquid-neural-networks.memory
  "Memory that both languages see. Each thread has a little that every call uses again; what does
  not fit comes from the system, and goes back to it when the call is over."
  (:require [liquid-neural-networks.errors :refer [error]])
  (:import [com.sun.jna Native Pointer]
           [java.nio ByteBuffer ByteOrder]
           [java.util ArrayList]
           [java.util.function Supplier]))

(set! *warn-on-reflection* true)

(def ^:private own-size "Bytes a thread keeps." 262144)

(defn direct
  "A direct buffer of so many bytes, in the machine's byte order."
  ^ByteBuffer [size]
  (.order (ByteBuffer/allocateDirect (int size)) (ByteOrder/nativeOrder)))

;; The position of the buffer is where the free part of it begins.
(defonce ^:private ^ThreadLocal own
  (ThreadLocal/withInitial (reify Supplier (get [_] (direct own-size)))))

;; Addresses that were asked of the system, oldest first.
(defonce ^:private ^ThreadLocal borrowed
  (ThreadLocal/withInitial (reify Supplier (get [_] (ArrayList.)))))

(defn address
  "Of a direct buffer's memory."
  ^long [^java.nio.Buffer buffer]
  (Pointer/nativeValue (Native/getDirectBufferPointer buffer)))

(defn in-scope
  "Calls `f`; what it allocates is free again afterwards. Scopes may be nested."
  [f]
  (let [^ByteBuffer buffer (.get own)
        start (.position buffer)
        ^ArrayList more (.get borrowed)
        known (.size more)]
    (try
      (f)
      (finally
        (.position buffer start)
        (while (< known (.size more))
          (Native/free (.remove more (dec (.size more)))))))))

(defmacro with-memory
  "Evaluates the body; what it allocates is free again afterwards."
  [& body]
  `(in-scope (fn [] ~@body)))

(defn- from-system
  "A buffer of memory that is not the thread's own."
  ^ByteBuffer [^long size argument]
  (when (< Integer/MAX_VALUE size)
    (throw (error :shape-error argument
                  (str "expected at most " Integer/MAX_VALUE " bytes at a time, got " size)
                  {:expected "at most 2 GB at a time"})))
  (let [found (Native/malloc size)]
    (when (zero? found)
      (throw (error :shape-error argument (str "there is no memory for " size " bytes")
                    {:expected "less"})))
    (.add ^ArrayList (.get borrowed) found)
    (.order (.getByteBuffer (Pointer. found) 0 size) (ByteOrder/nativeOrder))))

(defn allocate
  "A buffer of so many bytes, valid in this thread until the scope ends."
  ^ByteBuffer [size argument]
  (let [^ByteBuffer buffer (.get own)
        padded (bit-and (+ (long size) 7) -8)]
    (if (< (.remaining buffer) padded)
      (from-system (max 8 (long size)) argument)
      (let [end (+ (.position buffer) padded)
            part (.slice buffer)]
        (.position buffer (int end))
        (.limit part (int size))
        (.order part (ByteOrder/nativeOrder))))))

(defn left
  "[address size] of what is left of this thread's own memory."
  []
  (let [^ByteBuffer buffer (.get own)]
    [(+ (address buffer) (.position buffer)) (.remaining buffer)]))
