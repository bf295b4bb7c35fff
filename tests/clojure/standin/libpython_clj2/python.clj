(ns libpython-clj2.python
  "A stand-in for libpython-clj, for tests on machines that cannot fetch it: the functions this
  library uses, with the same names, arities and conversions, over plain JNA.

  Like the original it throws where a conversion is not possible, and reports every exception
  of Python as a plain `Exception` whose message is the traceback."
  (:require [clojure.string :as str])
  (:import [com.sun.jna Function Memory NativeLibrary Pointer WString]
           [java.lang.ref PhantomReference ReferenceQueue]
           [java.util Map RandomAccess Set]
           [java.util.concurrent ConcurrentHashMap]))

(set! *warn-on-reflection* true)

(def stand-in "Tells this namespace from the original." true)

;; -- libpython ------------------------------------------------------------------------------

(defonce ^:private library (atom nil))
(defonce ^:private ^ConcurrentHashMap functions (ConcurrentHashMap.))

(defn- function ^Function [name]
  (or (.get functions name)
      (let [found (.getFunction ^NativeLibrary @library name)]
        (.put functions name found)
        found)))

(defn- c-int [name & arguments]
  (.invokeInt (function name) (object-array arguments)))
(defn- c-long [name & arguments]
  (.invokeLong (function name) (object-array arguments)))
(defn- c-pointer
  ^Pointer [name & arguments]
  (.invokePointer (function name) (object-array arguments)))
(defn- c-void [name & arguments]
  (.invokeVoid (function name) (object-array arguments)))

(defn- global ^Pointer [name]
  (.getGlobalVariableAddress ^NativeLibrary @library name))

;; -- references -----------------------------------------------------------------------------

(deftype PyObject [^Pointer pointer])

(defonce ^:private ^ReferenceQueue unreachable (ReferenceQueue.))
(defonce ^:private ^ConcurrentHashMap references (ConcurrentHashMap.))
(def ^:private ^:dynamic *scope* nil)

(defn- release-unreachable!
  "Python's share of what the garbage collector found; only ever called with the GIL held."
  []
  (loop []
    (when-let [reference (.poll unreachable)]
      (c-void "Py_DecRef" (.remove references reference))
      (recur))))

(defn- tracked
  "A new reference as an object that is released with the scope, or by the garbage collector."
  [^Pointer pointer]
  (let [made (PyObject. pointer)]
    (if *scope*
      (vswap! *scope* conj pointer)
      (.put references (PhantomReference. made unreachable) pointer))
    made))

(defn call-with-gil [body]
  (let [held (= 1 (c-int "PyGILState_Check"))
        state (when-not held (c-int "PyGILState_Ensure"))]
    (try
      (body)
      (finally
        (when-not held
          (release-unreachable!)
          (c-void "PyGILState_Release" (int state)))))))

(defn call-in-scope [body]
  (binding [*scope* (volatile! [])]
    (try
      (body)
      (finally (run! #(c-void "Py_DecRef" %) @*scope*)))))

(defmacro with-gil [& body]
  `(call-with-gil (fn [] ~@body)))

(defmacro with-gil-stack-rc-context [& body]
  `(call-with-gil (fn [] (call-in-scope (fn [] ~@body)))))

;; -- errors ---------------------------------------------------------------------------------

(declare borrowed->jvm untracked)

(defn- throw-error! []
  (let [[kind value traceback :as slots] (repeatedly 3 #(doto (Memory. 8) .clear))]
    (apply c-void "PyErr_Fetch" slots)
    (apply c-void "PyErr_NormalizeException" slots)
    (let [or-none #(or (.getPointer ^Memory % 0) (global "_Py_NoneStruct"))
          module (c-pointer "PyImport_ImportModule" "traceback")
          format (c-pointer "PyObject_GetAttrString" module "format_exception")
          lines (c-pointer "PyObject_CallFunctionObjArgs" format
                           (or-none kind) (or-none value) (or-none traceback) Pointer/NULL)
          message (if lines (str/join (borrowed->jvm lines)) "an exception that cannot be shown")]
      (doseq [each [module format lines] :when each] (c-void "Py_DecRef" each))
      (throw (Exception. ^String message)))))

(defn- checked ^Pointer [pointer]
  (or pointer (throw-error!)))

;; -- to Python ------------------------------------------------------------------------------

(defonce ^:private forever (atom []))

(defn- new-tuple ^Pointer [items]
  (let [made (checked (c-pointer "PyTuple_New" (long (count items))))]
    (dorun (map-indexed #(c-int "PyTuple_SetItem" made (long %1) (untracked %2)) items))
    made))

(defn- new-list ^Pointer [items]
  (let [made (checked (c-pointer "PyList_New" (long (count items))))]
    (dorun (map-indexed #(c-int "PyList_SetItem" made (long %1) (untracked %2)) items))
    made))

(defn- new-dict ^Pointer [entries]
  (let [made (checked (c-pointer "PyDict_New"))]
    (doseq [[k v] entries]
      (let [key (untracked k) value (untracked v)]
        (c-int "PyDict_SetItem" made key value)
        (c-void "Py_DecRef" key)
        (c-void "Py_DecRef" value)))
    made))

(defn- new-set ^Pointer [items]
  (let [elements (new-list items)
        made (checked (c-pointer "PySet_New" elements))]
    (c-void "Py_DecRef" elements)
    made))

(defn- shared ^Pointer [^Pointer pointer]
  (c-void "Py_IncRef" pointer)
  pointer)

(defn- untracked
  "A new reference to a copy of a value of the JVM."
  ^Pointer [value]
  (cond
    (nil? value) (shared (global "_Py_NoneStruct"))
    (instance? PyObject value) (shared (.-pointer ^PyObject value))
    (boolean? value) (shared (global (if value "_Py_TrueStruct" "_Py_FalseStruct")))
    (integer? value) (c-pointer "PyLong_FromLongLong" (long value))
    (number? value) (c-pointer "PyFloat_FromDouble" (double value))
    (string? value) (checked (c-pointer "PyUnicode_FromString" value))
    (or (keyword? value) (symbol? value)) (recur (name value))
    (char? value) (recur (str value))
    (instance? Map value) (new-dict value)
    (instance? RandomAccess value) (if (< (count value) 8) (new-tuple value) (new-list value))
    (instance? Set value) (new-set value)
    (instance? Iterable value) (recur (vec value))
    :else (throw (Exception. (str "Unable to convert object: " value)))))

;; -- from Python ----------------------------------------------------------------------------

(defn- type-of [^Pointer pointer] (.getPointer pointer 8))

(defn- type-name
  "\"Tensor\" -> `:tensor`, \"NoneType\" -> `:none-type`."
  [pointer]
  (let [^Pointer name (c-pointer "PyObject_GetAttrString" (type-of pointer) "__name__")
        text (.getString (c-pointer "PyUnicode_AsUTF8" name) 0 "UTF-8")]
    (c-void "Py_DecRef" name)
    (keyword (str/lower-case (str/replace text #"(?<=[a-z])(?=[A-Z])" "-")))))

(def ^:private kinds
  (delay (into {} (for [[symbol kind] {"_PyNone_Type" :none, "PyBool_Type" :bool
                                       "PyLong_Type" :int, "PyFloat_Type" :float
                                       "PyUnicode_Type" :str, "PyTuple_Type" :tuple
                                       "PyList_Type" :list, "PyDict_Type" :dict}]
                    [(if (= kind :none) (type-of (global "_Py_NoneStruct")) (global symbol))
                     kind]))))

(defn- dict->jvm [pointer]
  (let [items (checked (c-pointer "PyDict_Items" pointer))]
    (try
      (into {} (map vec) (borrowed->jvm items))
      (finally (c-void "Py_DecRef" items)))))

(defn- simple
  "A scalar as a value of the JVM, or ::object."
  [^Pointer pointer]
  (case (@kinds (type-of pointer))
    :none nil
    :bool (= pointer (global "_Py_TrueStruct"))
    :int (c-long "PyLong_AsLongLong" pointer)
    :float (.invokeDouble (function "PyFloat_AsDouble") (object-array [pointer]))
    :str (.getString (c-pointer "PyUnicode_AsUTF8" pointer) 0 "UTF-8")
    ::object))

(defn- borrowed->jvm
  "A copy of what a reference leads to."
  [^Pointer pointer]
  (case (@kinds (type-of pointer))
    :tuple (mapv #(borrowed->jvm (c-pointer "PyTuple_GetItem" pointer (long %)))
                 (range (c-long "PyTuple_Size" pointer)))
    :list (mapv #(borrowed->jvm (c-pointer "PyList_GetItem" pointer (long %)))
                (range (c-long "PyList_Size" pointer)))
    :dict (dict->jvm pointer)
    (let [value (simple pointer)
          kind (when (= value ::object) (type-name pointer))]
      (cond
        (nil? kind) value
        (= kind :tensor)
        (throw (Exception. (str "Object does not implement sequence protocol: " kind)))
        :else {:type kind :value (tracked (shared pointer))}))))

(defn- simplified
  "A new reference as a scalar of the JVM, or as an object."
  [^Pointer pointer]
  (let [value (simple pointer)]
    (if (= value ::object)
      (tracked pointer)
      (do (c-void "Py_DecRef" pointer) value))))

;; -- what this library calls ----------------------------------------------------------------

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
  (with-gil (tracked (checked (c-pointer "PyImport_ImportModule" modname)))))

(defn get-attr [pyobj attname]
  (with-gil
    (simplified (checked (c-pointer "PyObject_GetAttrString" (.-pointer ^PyObject pyobj)
                                    (name attname))))))

(defn call-attr [pyobj attname & args]
  (with-gil
    (let [callable (checked (c-pointer "PyObject_GetAttrString" (.-pointer ^PyObject pyobj)
                                       (name attname)))
          arguments (new-tuple args)]
      (try
        (simplified (checked (c-pointer "PyObject_CallObject" callable arguments)))
        (finally
          (c-void "Py_DecRef" arguments)
          (c-void "Py_DecRef" callable))))))

(defn ->python [v]
  (with-gil (tracked (untracked v))))

(defn ->jvm [v & [_opts]]
  (if (instance? PyObject v)
    (with-gil (borrowed->jvm (.-pointer ^PyObject v)))
    v))

(defn make-fastcallable
  ^java.lang.AutoCloseable [item]
  (let [^PyObject item item]
    (reify
      java.lang.AutoCloseable
      (close [_])
      clojure.lang.IFn
      (invoke [_]
        (with-gil
          (simplified (checked (c-pointer "PyObject_CallObject" (.-pointer item) Pointer/NULL))))))))
