(ns libpython-clj2.python
  "A stand-in for libpython-clj, for tests on machines that cannot fetch it: the functions this
  library uses, with the same names, arities and conversions, over plain JNA.

  Like the original it throws where a conversion is not possible, and reports every exception
  of Python as a plain `Exception` whose message is the traceback."
  (:require [clojure.string :as str])
  (:import [com.sun.jna Function Memory NativeLibrary Pointer WString]))

(set! *warn-on-reflection* true)

(def stand-in "Tells this namespace from the original." true)

;; -- libpython ------------------------------------------------------------------------------

(defonce ^:private library (atom nil))

(defn- function ^Function [name]
  (.getFunction ^NativeLibrary @library name))

(defn- c-int [name & arguments]
  (.invokeInt (function name) (object-array arguments)))
(defn- c-pointer
  ^Pointer [name & arguments]
  (.invokePointer (function name) (object-array arguments)))
(defn- c-void [name & arguments]
  (.invokeVoid (function name) (object-array arguments)))

(defn- global ^Pointer [name]
  (.getGlobalVariableAddress ^NativeLibrary @library name))

(deftype PyObject [^Pointer pointer])

(defn- call-with-gil [body]
  (let [held (= 1 (c-int "PyGILState_Check"))
        state (when-not held (c-int "PyGILState_Ensure"))]
    (try
      (body)
      (finally (when-not held (c-void "PyGILState_Release" (int state)))))))

(defmacro with-gil [& body]
  `(call-with-gil (fn [] ~@body)))

;; -- errors ---------------------------------------------------------------------------------

(defn- text-of [pointer]
  (.getString (c-pointer "PyUnicode_AsUTF8" pointer) 0 "UTF-8"))

(defn- throw-error! []
  (let [[kind value traceback :as slots] (repeatedly 3 #(doto (Memory. 8) .clear))]
    (apply c-void "PyErr_Fetch" slots)
    (apply c-void "PyErr_NormalizeException" slots)
    (let [or-none #(or (.getPointer ^Memory % 0) (global "_Py_NoneStruct"))
          module (c-pointer "PyImport_ImportModule" "traceback")
          format (c-pointer "PyObject_GetAttrString" module "format_exception")
          lines (c-pointer "PyObject_CallFunctionObjArgs" format
                           (or-none kind) (or-none value) (or-none traceback) Pointer/NULL)]
      (throw (Exception. (str/join (map #(text-of (c-pointer "PyList_GetItem" lines (long %)))
                                        (range (c-int "PyList_Size" lines)))))))))

(defn- checked ^Pointer [pointer]
  (or pointer (throw-error!)))

;; -- from Python ----------------------------------------------------------------------------

(defn- type-of [^Pointer pointer] (.getPointer pointer 8))

(defn- simplified
  "A new reference as a scalar of the JVM. The original makes live views of lists and the like, which
  this library has no use for: they are refused here."
  [^Pointer pointer]
  (let [type (type-of pointer)
        value (condp = type
                (type-of (global "_Py_NoneStruct")) nil
                (global "PyBool_Type") (= pointer (global "_Py_TrueStruct"))
                (global "PyLong_Type") (.invokeLong (function "PyLong_AsLongLong")
                                                    (object-array [pointer]))
                (global "PyFloat_Type") (.invokeDouble (function "PyFloat_AsDouble")
                                                       (object-array [pointer]))
                (global "PyUnicode_Type") (text-of pointer)
                ::other)]
    (c-void "Py_DecRef" pointer)
    (when (= value ::other)
      (throw (Exception. (str "the stand-in knows scalars only, and got a "
                              (.getString (.getPointer ^Pointer type 24) 0)))))
    value))

;; -- what this library calls ----------------------------------------------------------------

(defonce ^:private forever (atom []))

(defn initialize!
  "Starts Python once: `:ok`, or `:already-initialized`."
  [& {:keys [library-path python-executable signals?] :or {signals? true}}]
  (if (and @library (= 1 (c-int "Py_IsInitialized")))
    :already-initialized
    (do (reset! library (NativeLibrary/getInstance library-path))
        (let [executable (WString. python-executable)]
          (swap! forever conj executable)
          (c-void "Py_SetProgramName" executable))
        (c-void "Py_InitializeEx" (int (if signals? 1 0)))
        (c-pointer "PyEval_SaveThread")
        :ok)))

(defn import-module [modname]
  (with-gil (PyObject. (checked (c-pointer "PyImport_ImportModule" modname)))))

(defn get-attr [pyobj attname]
  (with-gil
    (simplified (checked (c-pointer "PyObject_GetAttrString" (.-pointer ^PyObject pyobj)
                                    (name attname))))))

(defn- argument
  "A new reference to what a call passes on: text or an integer."
  ^Pointer [value]
  (cond
    (string? value) (checked (c-pointer "PyUnicode_FromString" value))
    (integer? value) (c-pointer "PyLong_FromLongLong" (long value))
    :else (throw (Exception. (str "Unable to convert object: " value)))))

(defn call-attr [pyobj attname & args]
  (with-gil
    (let [callable (checked (c-pointer "PyObject_GetAttrString" (.-pointer ^PyObject pyobj)
                                       (name attname)))
          arguments (c-pointer "PyTuple_New" (long (count args)))]
      (try
        (dorun (map-indexed #(c-int "PyTuple_SetItem" arguments (long %1) (argument %2)) args))
        (simplified (checked (c-pointer "PyObject_CallObject" callable arguments)))
        (finally
          (c-void "Py_DecRef" arguments)
          (c-void "Py_DecRef" callable))))))
