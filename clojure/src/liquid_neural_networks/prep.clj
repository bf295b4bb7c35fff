(ns liquid-neural-networks.prep
  "Makes the Python environment of this checkout; what `clojure -X:deps prep` runs."
  (:require [clojure.java.io :as io]
            [liquid-neural-networks.environment :as environment])
  (:import [java.io File]))

(set! *warn-on-reflection* true)

(defn- run! [^File folder & command]
  (let [process (-> (ProcessBuilder. ^java.util.List (mapv str command))
                    (.directory folder)
                    .inheritIO
                    .start)]
    (when-not (zero? (.waitFor process))
      (throw (ex-info (str "failed: " (apply str (interpose " " command)))
                      {:type :python-environment :command (mapv str command)})))))

(defn prep
  "Makes `.venv` with this checkout's Python package in it, the compiled step included, unless
  it is there already. `:python` names the interpreter to make it from; python3.

  pip obeys its own settings, such as PIP_INDEX_URL; the versions are those of constraints.txt."
  [{:keys [python] :or {python "python3"}}]
  (let [root ^File environment/root
        venv (io/file root ".venv")
        executable (environment/executable-in venv)]
    (if-not (:problem (environment/examine executable))
      (println "the Python environment is ready:" (str venv))
      (do
        (println "making the Python environment in" (str venv) "(torch is large)")
        (run! root python "-m" "venv" venv)
        (run! root executable "-m" "pip" "install" "--quiet" "--constraint" "constraints.txt" ".")
        (when-let [problem (:problem (environment/examine executable))]
          (throw (ex-info (str executable " " problem) {:type :python-environment})))
        (println "done")))))
