(ns ^:no-doc liquid-neural-networks.runtime
  "The life of Python in this process: started when first needed, called from any thread, and
  out of the way when the JVM ends."
  (:require [liquid-neural-networks.environment :as environment]
            [liquid-neural-networks.errors :as errors]
            [liquid-neural-networks.memory :as memory]
            [liquid-neural-networks.options :as options]
            [liquid-neural-networks.text :as text])
  (:import [com.sun.jna Function Platform Pointer]
           [java.lang.ref Cleaner Reference]
           [java.nio ByteBuffer]
           [java.nio.charset StandardCharsets]
           [java.util.concurrent ConcurrentHashMap ConcurrentLinkedQueue TimeUnit]
           [java.util.concurrent.atomic AtomicLong]
           [java.util.concurrent.locks ReentrantReadWriteLock]
           [java.util.function Supplier]))

(set! *warn-on-reflection* true)

;; Calls hold the read lock; the shutdown hook takes the write lock, so that no thread is inside
;; Python when the JVM ends, which would hang.
(defonce ^:private ^ReentrantReadWriteLock calls (ReentrantReadWriteLock.))

(defonce ^:private running (atom nil))

(def ^:private grace-seconds 4)

;; -- shutdown ------------------------------------------------------------------------------

;; A key of its own -> the flag of a training; buffers compare by content, so are no keys.
(defonce ^:private ^ConcurrentHashMap trainings (ConcurrentHashMap.))

(defn stop-trainings!
  "Asks every training under way to stop at its next step; how many there are."
  []
  (let [flags (vec (.values trainings))]
    (doseq [^ByteBuffer flag flags] (.put flag 0 (byte 1)))
    (count flags)))

(defn with-stop-flag
  "Calls `f` with a direct buffer of one byte that becomes 1 when the training is to stop."
  [f]
  (let [flag (ByteBuffer/allocateDirect 1) key (Object.)]
    (.put trainings key flag)
    (try (f flag) (finally (.remove trainings key)))))

(defn- shut-down []
  (stop-trainings!)
  (when-not (.tryLock (.writeLock calls) grace-seconds TimeUnit/SECONDS)
    (.println System/err "liquid-neural-networks: Python is still busy; ending without it")
    ;; Runtime/halt would run the exit handlers of C, and wait for Python too.
    (.invoke (Function/getFunction Platform/C_LIBRARY_NAME "_exit") (object-array [(int 1)]))))

(defonce ^:private shutdown-hook
  (delay (.addShutdownHook (Runtime/getRuntime) (Thread. ^Runnable shut-down "lnn-shutdown"))))

;; -- start ---------------------------------------------------------------------------------

(defn- python [function]
  (requiring-resolve (symbol "liquid-neural-networks.python" (name function))))

;; Handles that nothing here refers to any more; the next call tells Python.
(defonce ^:private ^ConcurrentLinkedQueue abandoned (ConcurrentLinkedQueue.))

(defn abandon!
  "Has Python let go of what a handle stands for, with the next call."
  [handle]
  (.add abandoned handle))

(defn- abandoned-handles []
  (loop [handles []]
    (if-let [handle (.poll abandoned)]
      (recur (conj handles handle))
      handles)))

;; One C function of Python's does every call. A request in memory is preceded by the address,
;; size and handle of the answer, and the address and size of memory for it.
(def ^:private head-size 40)

(defn- answer-of
  "The text that a call left where the head of its request says."
  [^ByteBuffer head]
  (let [address (.getLong head 0)
        size (.getLong head 8)
        handle (.getLong head 16)]
    (when (zero? address)
      (throw (errors/error :python-error nil "Python gave no answer; it may have no memory left")))
    (when-not (zero? handle) (abandon! handle))
    (String. (.getByteArray (Pointer. address) 0 (int size)) StandardCharsets/UTF_8)))

(defn- ask
  "What Python answers to a function's name and arguments, as text."
  [^Function entry function arguments]
  (memory/with-memory
    (let [written (text/write arguments)                     ; which may be refused
          request (.getBytes (str "[" (text/write function) "," written ","
                                  (text/write (abandoned-handles)) "]")
                             StandardCharsets/UTF_8)
          size (alength request)
          head (memory/allocate (+ (long head-size) size) :arguments)
          [address free] (memory/left)]
      (doto head
        (.putLong 0) (.putLong 0) (.putLong 0)
        (.putLong (long address)) (.putLong (long free))
        (.put request))
      (.invokeVoid entry (object-array [(memory/address head) size]))
      (answer-of head))))

(defn- checked
  "What Python answered, or its error as an ex-info."
  [answer named]
  (let [{:strs [error ok]} (text/read answer)]
    (if error
      (throw (errors/python-error error named options/clojure-words))
      ok)))

(defmacro ^:private outside-shutdown
  "Runs the body, during which the JVM waits before it ends; never again once it is ending."
  [& body]
  `(do (.lock (.readLock calls))
       (try ~@body (finally (.unlock (.readLock calls))))))

(defn- another-python
  "What to say of a Python that somebody else started, or nil."
  [answer]
  (when (= answer :already-initialized)
    (let [system ((python :import-module) "sys")]
      (str "something else in this process started Python first ("
           ((python :attribute) system "prefix")
           "); call (lnn/initialize!) before it, or start the one that this library needs"))))

(defn- import-interop [executable answer]
  (try
    ((python :import-module) "liquid_neural_networks.interop")
    (catch Exception e
      (throw (errors/error
              :python-environment nil
              (or (another-python answer)
                  (str "Python runs, but cannot import liquid_neural_networks: " (ex-message e)))
              {:executable executable})))))

(defn- check-versions
  "That what runs is what was found."
  [found answer facts]
  (doseq [[what wanted got] [["the Python package" environment/version (facts "version")]
                             ["Python" (:python found) (facts "python")]]
          :when (not= wanted got)]
    (throw (errors/error
            :python-environment nil
            (str "version " got " of " what " runs, and " wanted " is needed"
                 (some->> (another-python answer) (str "; ")))
            {:prefix (facts "prefix")}))))

(defn- start! [explicit]
  (let [{:keys [executable library] :as found} (environment/find-python explicit)]
    @shutdown-hook
    (outside-shutdown
     (let [answer ((python :start!) {:python-executable executable :library-path library})
           module (import-interop executable answer)
           entry (Function/getFunction (Pointer. ((python :call) module "entry")))
           facts (checked (ask entry "version" []) identity)]
       (check-versions found answer facts)
       {:entry entry :executable executable :facts facts}))))

(defn initialize!
  "Starts Python once; see `liquid-neural-networks.core/initialize!`."
  ([] (or @running (initialize! nil)))
  ([explicit]
   (locking running
     (let [{:keys [executable] :as now} @running]
       (cond
         (nil? now) (reset! running (start! explicit))
         (or (nil? explicit) (= executable (:executable (environment/examine explicit)))) now
         :else (throw (errors/error
                       :python-environment :python-executable
                       (str "Python already runs, from " executable
                            "; a process can have only one")
                       {:executable executable})))))))

;; -- calls ---------------------------------------------------------------------------------

(defn call
  "Calls a function of interop with plain data and returns plain data; small arrays of the answer
  lie in this thread's memory until it calls again.

  Throws what Python raised as an ex-info; `named` gives the caller's own name of an argument."
  ([function arguments] (call function arguments options/argument-name))
  ([function arguments named]
   (let [{:keys [entry]} (initialize!)]
     (checked (outside-shutdown (ask entry function arguments)) named))))

(defonce ^:private ^Cleaner cleaner (Cleaner/create))

(defn own
  "An object that stands for a handle; Python lets go some time after nothing refers to it."
  ^AtomicLong [handle]
  ;; A class of Java's, which stays the same when this namespace is loaded anew.
  (let [owned (AtomicLong. handle)]
    ;; Not from the cleaner's own thread: waiting for Python there could hold up the exit.
    (.register cleaner owned (fn [] (.add abandoned handle)))
    owned))

(defn call-on
  "`call` with the handle of an owned thing first, which stays alive meanwhile."
  ([owned function arguments] (call-on owned function arguments options/argument-name))
  ([^AtomicLong owned function arguments named]
   (try
     (call function (cons (.get owned) arguments) named)
     (finally (Reference/reachabilityFence owned)))))

(defn c-function
  "What a function of interop makes of a stream, for `run`; valid as long as the stream is."
  ^Function [owned function & arguments]
  (Function/getFunction (Pointer. (call-on owned function arguments))))

(def ^:private most-kept "Threads." 64)

(defonce ^:private ^AtomicLong keepers (AtomicLong.))

;; What Python knows of a thread of the JVM it makes anew for each call, and that takes longer than
;; a step. Threads that step have it kept; only the first ones, as it is never freed.
(defonce ^:private ^ThreadLocal kept
  (ThreadLocal/withInitial
   (reify Supplier
     (get [_]
       (when (<= (.incrementAndGet keepers) (long most-kept)) (call "keep_thread" []))
       true))))

(def ^:private nothing (object-array 0))

(defn run
  "Calls what `c-function` made of a stream."
  [^Function made owned]
  (.get kept)
  (when-not (zero? (outside-shutdown (.invokeInt made ^objects nothing)))
    (call-on owned "last_error" []))
  (Reference/reachabilityFence owned))
