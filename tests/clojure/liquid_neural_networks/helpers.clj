(ns liquid-neural-networks.helpers
  "What several tests use."
  (:require [clojure.java.io :as io]
            [clojure.spec.test.alpha :as stest]
            [clojure.string :as str]
            [liquid-neural-networks.core :as lnn]
            [liquid-neural-networks.environment :as environment])
  (:import [java.io File]
           [java.util.concurrent TimeUnit]))

(set! *warn-on-reflection* true)

(def ^File root environment/root)

(def executable (System/getenv environment/variable))

(defn wave
  "Windows of a sine, {:inputs :targets}, the target one sample later."
  [windows]
  (let [value #(Math/sin (* 0.3 %))
        rows (fn [shift] (vec (for [w (range windows)]
                                (vec (for [t (range 16)] [(value (+ t shift (* 7 w)))])))))]
    {:inputs (rows 0) :targets (rows 1)}))

(defn small
  "A network of one input and one output."
  ([] (small {}))
  ([options] (lnn/create-network (merge {:input-size 1 :hidden-size 6 :output-size 1 :seed 3}
                                        options))))

(defn error-of
  "The data of the ex-info that `f` throws, spec's own checks set aside; nil if it throws none."
  [f]
  (stest/with-instrument-disabled
    (try
      (f)
      nil
      (catch clojure.lang.ExceptionInfo e
        (assoc (ex-data e) :message (ex-message e))))))

(defmacro error
  "The data of the ex-info that the body throws."
  [& body]
  `(error-of (fn [] ~@body)))

(defn close?
  "Whether nested numbers differ by at most `tolerance`."
  [tolerance a b]
  (let [a (flatten a) b (flatten b)]
    (and (= (count a) (count b))
         (every? true? (map #(<= (Math/abs (- (double %1) (double %2))) tolerance) a b)))))

(defn temporary
  "A path in a folder that the end of the JVM removes."
  [name]
  (let [folder (.toFile (java.nio.file.Files/createTempDirectory
                         "lnn" (make-array java.nio.file.attribute.FileAttribute 0)))
        file (io/file folder name)]
    (.deleteOnExit folder)
    (.deleteOnExit file)
    (str file)))

(defn start
  "A process with its standard error in its output; `environment` is added to this one's."
  ^Process [environment & command]
  (let [builder (doto (ProcessBuilder. ^java.util.List (mapv str command))
                  (.redirectErrorStream true)
                  (.directory (File. (System/getProperty "user.dir"))))]
    (doseq [[name value] environment]
      (if (nil? value)
        (.remove (.environment builder) name)
        (.put (.environment builder) name value)))
    (.start builder)))

(defn finish
  "{:exit :out :seconds} of a process, killed after so many seconds."
  [^Process process seconds]
  (let [begin (System/nanoTime)
        out (promise)]
    (doto (Thread. ^Runnable #(deliver out (slurp (.getInputStream process))))
      (.setDaemon true)
      .start)
    (if (.waitFor process seconds TimeUnit/SECONDS)
      {:exit (.exitValue process)
       :out (deref out 5000 "")
       :seconds (/ (- (System/nanoTime) begin) 1e9)}
      (do (.destroyForcibly process)
          {:exit :timeout :out (deref out 5000 "") :seconds seconds}))))

(defn python
  "What a Python script prints; throws if it fails."
  [script & arguments]
  (let [{:keys [exit out]} (finish (apply start {"OMP_NUM_THREADS" "1"} executable "-c" script
                                          arguments)
                                   300)]
    (when-not (= 0 exit) (throw (ex-info (str "python failed:\n" out) {:exit exit})))
    (str/trim out)))

(defn java
  "A JVM of a class path; compiled in a hurry, as it ends soon."
  ^Process [environment path & arguments]
  (apply start environment (str (System/getProperty "java.home") "/bin/java")
         "-XX:TieredStopAtLevel=1" "-XX:+UseSerialGC" "-cp" path arguments))

(defn clojure-process
  "A JVM with this one's class path that evaluates a string."
  ^Process [environment code]
  (java environment (System/getProperty "java.class.path") "clojure.main" "-e" code))
