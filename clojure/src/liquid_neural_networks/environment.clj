(ns ^:no-doc liquid-neural-networks.environment
  "Which Python to run: one that has this library's Python package and a shared libpython."
  (:require [clojure.edn :as edn]
            [clojure.java.io :as io]
            [clojure.string :as str]
            [liquid-neural-networks.errors :as errors])
  (:import [java.io File IOException]
           [java.util.concurrent TimeUnit]))

(set! *warn-on-reflection* true)

(def version
  "Of this library; the Python package must have the same."
  "0.1.0")

(def variable
  "The environment variable that names a Python executable."
  "LNN_PYTHON")

(def root
  "The checkout this namespace was loaded from; nil when it came from a jar."
  (when-let [url (io/resource "liquid_neural_networks/environment.clj")]
    (when (= "file" (.getProtocol url))
      (let [folder (nth (iterate #(.getParentFile ^File %) (io/file url)) 4)]
        (when (.exists (io/file folder "pyproject.toml")) folder)))))

(defn executable-in
  "The Python executable of a virtual environment."
  ^File [folder]
  (let [windows (io/file folder "Scripts" "python.exe")]
    (if (.exists windows) windows (io/file folder "bin" "python"))))

(def ^:private probe
  "Prints what this namespace needs to know, as EDN: JSON strings are EDN strings."
  "import importlib.metadata, json, os, sys, sysconfig
get = sysconfig.get_config_var
names = [n for n in (get('INSTSONAME'), get('LDLIBRARY'), 'python%d%d.dll' % sys.version_info[:2]) if n]
folders = [f for f in (get('LIBDIR'), get('PYTHONFRAMEWORKPREFIX'), os.path.join(sys.base_prefix, 'lib'), sys.base_prefix) if f]
paths = [os.path.join(f, n) for f in folders for n in names if not n.endswith('.a')]
found = [p for p in paths if os.path.isfile(p)]
try:
    package = importlib.metadata.version('liquid-neural-networks')
except importlib.metadata.PackageNotFoundError:
    package = None
print('{:executable %s :python %s :library %s :package %s}' % tuple(
    'nil' if v is None else json.dumps(v)
    for v in (sys.executable, '%d.%d.%d' % sys.version_info[:3], found[0] if found else None, package)))
")

(defn- run
  "What a command prints; throws IOException if it cannot be started or fails."
  [& command]
  (let [process (-> (ProcessBuilder. ^java.util.List (vec command))
                    (.redirectError java.lang.ProcessBuilder$Redirect/DISCARD)
                    .start)
        printed (slurp (.getInputStream process))]
    (when-not (.waitFor process 60 TimeUnit/SECONDS)
      (.destroyForcibly process)
      (throw (IOException. "did not answer within a minute")))
    (when-not (zero? (.exitValue process))
      (throw (IOException. (str "exit status " (.exitValue process)))))
    printed))

(defn examine
  "What is known of a Python executable, with `:problem` when it will not do."
  [executable]
  (try
    (let [{:keys [python library package] :as found} (edn/read-string (run (str executable) "-c" probe))
          problem (cond
                    (nil? package) (str "Python " python " has no liquid-neural-networks package")
                    (not= package version) (str "has version " package " of the package, and "
                                                version " is needed")
                    (nil? library) (str "Python " python " was built without a shared libpython"
                                        " (./configure --enable-shared)"))]
      (cond-> found problem (assoc :problem problem)))
    (catch IOException e
      {:problem (if (re-find #"No such file|error=2" (ex-message e)) "not found" (ex-message e))})))

(defn- candidates
  "Executables to try in order, each with where it comes from. A named one is the only one."
  [explicit]
  (let [named (System/getenv variable)]
    (cond
      explicit [[(str explicit) ":python-executable"]]
      (seq named) [[named variable]]
      :else (cond->> [["python3" "PATH"] ["python" "PATH"]]
              root (cons [(str (executable-in (io/file root ".venv")))
                          "made by clojure -X:deps prep"])))))

(defn find-python
  "The first Python that will do: `{:executable :library :python :package}`.

  Throws an ex-info of type `:python-environment` that names what was tried."
  [explicit]
  (let [examined (map (fn [[executable origin]]
                        (assoc (examine executable) :tried executable :origin origin))
                      (candidates explicit))]
    (or (first (remove :problem examined))
        (throw
         (errors/error
          :python-environment nil
          (str "no Python with liquid-neural-networks " version " was found. Tried:\n"
               (str/join "\n" (for [{:keys [tried origin problem]} examined]
                                (str "  " tried " (" origin "): " problem)))
               "\nRun clojure -X:deps prep in your project, or set " variable
               " or (initialize! {:python-executable ...}) to a Python that has the package.")
          {:tried (mapv #(select-keys % [:tried :origin :problem]) examined)})))))
