(ns liquid-neural-networks.prep
  "Makes the Python environment of this checkout; what `clojure -X:deps prep` runs."
  (:require [clojure.java.io :as io]
            [liquid-neural-networks.environment :as environment])
  (:import [java.io File]))

(set! *warn-on-reflection* true)

(defn- command! [^File folder & command]
  (let [process (-> (ProcessBuilder. ^java.util.List (mapv str command))
                    (.directory folder)
                    .inheritIO
                    .start)]
    (when-not (zero? (.waitFor process))
      (throw (ex-info (str "failed: " (apply str (interpose " " command)))
                      {:type :python-environment :command (mapv str command)})))))

(defn- delete-all! [folder]
  (run! #(.delete ^File %) (reverse (file-seq folder))))

(def requirement
  "What pip installs: this checkout, with tables, pictures and the adaptive solver."
  ".[adaptive,plots,tables]")

(defn- make! [root venv python]
  (let [executable (environment/executable-in venv)]
    (command! root python "-m" "venv" venv)
    (command! root executable "-m" "pip" "install" "--quiet" "--constraint" "constraints.txt" requirement)
    (when-let [problem (:problem (environment/examine executable))]
      (throw (ex-info (str executable ": " problem) {:type :python-environment})))))

(defn prep
  "Makes `.venv` with this checkout's Python package in it, the compiled step included, unless
  it is there already. `:python` names the interpreter to make it from; python3.

  pip obeys its own settings, such as PIP_EXTRA_INDEX_URL; the versions are those of
  constraints.txt. When it fails, nothing is left."
  [{:keys [python] :or {python "python3"}}]
  (let [root ^File environment/root
        venv (io/file root ".venv")
        new? (not (.exists venv))]
    (if-not (:problem (environment/examine (environment/executable-in venv)))
      (println "the Python environment is ready:" (str venv))
      (do
        (println "making the Python environment in" (str venv) "(torch is large)")
        (try
          (make! root venv python)
          (catch Throwable t
            (when new? (delete-all! venv))
            (throw t)))
        (println "done")))))
