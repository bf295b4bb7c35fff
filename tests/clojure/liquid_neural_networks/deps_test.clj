(ns liquid-neural-networks.deps-test
  "deps.edn, resolved by tools.deps without a network and run for real: every alias, and the
  library as a git dependency of another project. libpython-clj itself comes from the class
  path of the tests."
  (:require [clojure.edn :as edn]
            [clojure.java.io :as io]
            [clojure.string :as str]
            [clojure.test :refer [deftest is testing]]
            [liquid-neural-networks.helpers :refer [executable finish java root start temporary]]
            [liquid-neural-networks.test-runner :refer [skip!]])
  (:import [java.io File]))

(def ^:private jars "Of Debian, with tools.deps among them." "/usr/share/java")
(def ^:private repository "/usr/share/maven-repo")

(def ^:private published (edn/read-string (slurp (io/file root "deps.edn"))))

(def ^:private offline
  "The same without what only Clojars has."
  (-> published
      (update :deps dissoc 'clj-python/libpython-clj)
      (assoc :mvn/local-repo repository)))

(def ^:private binding-path
  "What the tests have instead."
  (->> (str/split (System/getProperty "java.class.path") #":")
       (remove #{(str root "/clojure/src") (str root "/tests/clojure") (str root "/examples/clojure")})
       (str/join ":")))

(defn- folder ^File []
  (doto (io/file (temporary "folder")) .mkdirs))

(defn- tools-deps
  "What a form that uses tools.deps prints."
  [variables form]
  (let [configuration (folder)]
    (spit (io/file configuration "deps.edn") (pr-str {:mvn/local-repo repository}))
    (finish (java (merge {"CLJ_CONFIG" (str configuration)} variables)
                  (str jars "/*") "clojure.main" "-e"
                  (str "(require '[clojure.tools.deps :as deps])" (pr-str form)))
            ;; On a busy machine compiling the extension takes minutes.
            900)))

(def ^:private resolved
  "Alias -> class path, of all aliases in one go."
  (delay
    (let [file (temporary "resolved.edn")
          {:keys [exit out]}
          (tools-deps {}
                      `(spit ~file
                             (pr-str (into {} (for [alias# ~(vec (keys (:aliases offline)))]
                                                (let [basis# (deps/create-basis
                                                              {:project '~offline :aliases [alias#]})]
                                                  [alias# (:classpath-roots basis#)]))))))]
      (when-not (= 0 exit) (throw (ex-info out {})))
      (update-vals (edn/read-string (slurp file))
                   (fn [entries]
                     (str/join ":" (for [entry entries]
                                     (if (str/starts-with? entry "/")
                                       entry
                                       (str root "/" entry)))))))))

(defn- run-alias
  "Starts what `clojure -M:alias` would, in an empty folder."
  [alias & arguments]
  (apply java {} (str (@resolved alias) ":" binding-path) "clojure.main"
         (concat (get-in published [:aliases alias :main-opts]) arguments)))

(def ^:private can-resolve? (.exists (io/file jars "tools.deps.jar")))

(defmacro ^:private when-resolvable [what & body]
  `(if can-resolve?
     (do ~@body)
     (skip! ~what "tools.deps is not among the Java packages of this system")))

(deftest the-published-file-names-the-real-library
  (is (= {:mvn/version "2.026"} (get-in published [:deps 'clj-python/libpython-clj])))
  (is (= #{:prep :dev :nrepl :test :conformance :demo} (set (keys (:aliases published)))))
  (is (not (re-find #"standin" (pr-str published)))))

(deftest the-alias-conformance
  (when-resolvable "clojure -M:conformance"
    (let [ours (run-alias :conformance)
          without-vectors (run-alias :conformance (str root "/docs"))
          {:keys [exit out]} (finish ours 120)]
      (is (= 0 exit))
      (is (re-find #"(\d+) of \1 cases passed" out))
      (is (= 1 (:exit (finish without-vectors 120)))))))

(deftest the-alias-demo
  (when-resolvable "clojure -M:demo"
    (let [{:keys [exit out]} (finish (run-alias :demo "2") 120)]
      (is (= 0 exit))
      (is (re-find #"wrote wave.lnn" out)))))

(deftest the-alias-dev
  (when-resolvable "clojure -M:dev"
    (let [process (run-alias :dev)]
      (with-open [in (io/writer (.getOutputStream process))]
        (.write in "(lnn/network? (lnn/create-network {:input-size 1 :hidden-size 4 :output-size 1}))\n")
        (.write in "(doc lnn/step!)\n"))
      (let [{:keys [exit out]} (finish process 120)]
        (is (= 0 exit))
        (is (re-find #"(?s)user=> .*true" out))
        (is (re-find #"Feeds one sample to a stream" out))))))

(deftest the-alias-test
  (when-resolvable "clojure -M:test"
    (let [good (run-alias :test "liquid-neural-networks.stream-test")
          bad (run-alias :test "liquid-neural-networks.failing")]
      (let [{:keys [exit out]} (finish good 120)]
        (is (= 0 exit))
        (is (re-find #"(?m)^\d+ passed, 0 failed, 0 skipped" out)))
      (testing "fails when a test does"
        (let [{:keys [exit out]} (finish bad 120)]
          (is (= 1 exit))
          (is (re-find #"(?m)^1 passed, 1 failed, 0 skipped" out)))))))

(deftest where-there-is-no-java-every-test-counts-as-skipped
  (let [tools (folder)
        find-tool #(->> (str/split (System/getenv "PATH") #":")
                        (map (fn [place] (io/file place %)))
                        (some (fn [^File file] (when (.exists file) file))))]
    (doseq [tool ["bash" "dirname" "cat" "grep"]]
      (java.nio.file.Files/createSymbolicLink
       (.toPath (io/file tools tool)) (.toPath ^File (find-tool tool))
       (make-array java.nio.file.attribute.FileAttribute 0)))
    (let [run (fn [arguments & [known]]
                (finish (apply start {"PATH" (str tools) "LNN_LIBPYTHON_CLJ" nil
                                      "LNN_CLOJURE" known}
                               "/bin/bash" (str root "/tests/clojure/run") arguments)
                        20))
          {:keys [exit out]} (run [])
          [_ passed failed skipped] (re-find #"(\d+) passed, (\d+) failed, (\d+) skipped\n$" out)]
      (is (= [1 0] [exit (:exit (run [] "skip"))]) "unless this is known, nothing tested fails")
      (is (re-find #"(?m)^NOT TESTED the Clojure library" out))
      (is (= ["0" "0"] [passed failed]))
      (is (< 80 (parse-long skipped)))
      (testing "and a REPL or benchmark that cannot run fails"
        (is (= [1 1] (map :exit [(run ["--repl"]) (run ["--bench"])])))))))

(deftest the-alias-nrepl
  (when-resolvable "clojure -M:nrepl"
    (let [process (run-alias :nrepl "--port" "0")
          reader (io/reader (.getInputStream process))]
      (try
        (let [port (loop []
                     (let [line (.readLine ^java.io.BufferedReader reader)]
                       (if-let [[_ port] (re-find #"nREPL server started on port (\d+)" (str line))]
                         port
                         (when line (recur)))))
              client (java {} (@resolved :nrepl) "clojure.main" "-e"
                           (str "(require '[nrepl.core :as nrepl])"
                                "(with-open [c (nrepl/connect :port " port ")]"
                                "  (prn (nrepl/response-values (nrepl/message (nrepl/client c 60000)"
                                "   {:op \"eval\" :code \"(do (require '[liquid-neural-networks.core :as lnn])"
                                " (count (lnn/forward (lnn/create-network {:input-size 1 :hidden-size 4"
                                " :output-size 1}) [[1] [2]])))\"}))))(System/exit 0)"))]
          (is (re-find #"\[2\]" (:out (finish client 120)))))
        (finally (.destroyForcibly process))))))

;; -- as a dependency of another project -----------------------------------------------------

(def ^:private sources
  ["clojure" "python" "packaging" "deps.edn" "pyproject.toml" "setup.py" "constraints.txt" "README.org"
   "LICENSE"])

(defn- copy-sources! [^File to]
  (doseq [name sources
          ^File file (file-seq (io/file root name))
          :let [target (io/file to (str (.relativize (.toPath root) (.toPath file))))]
          :when (and (.isFile file) (not (re-find #"\.so$|__pycache__|egg-info" (str file))))]
    (io/make-parents target)
    (io/copy file target)))

(defn- git [^File in & arguments]
  (let [{:keys [exit out]} (finish (apply start {} "git" "-C" (str in) "-c" "user.name=test"
                                          "-c" "user.email=test@example.org" arguments) 60)]
    (when-not (= 0 exit) (throw (ex-info out {})))
    (str/trim out)))

(defn- commit!
  "A repository of these sources, but for libpython-clj; its newest commit."
  [^File repository]
  (copy-sources! repository)
  (spit (io/file repository "deps.edn") (pr-str (dissoc offline :mvn/local-repo)))
  (git repository "init" "--quiet")
  (git repository "add" "--all")
  (git repository "commit" "--quiet" "--message" "all")
  (git repository "rev-parse" "HEAD"))

(defn- installed-packages
  "The folder of the packages that the environment of the tests has."
  []
  (let [{:keys [out]} (finish (start {} executable "-c"
                                     "import sysconfig; print(sysconfig.get_path('purelib'))") 60)]
    (str/trim out)))

(deftest a-git-dependency-of-another-project
  (when-resolvable "a git dependency"
    (let [upstream (folder)
          sha (commit! upstream)
          libraries (folder)
          ;; torch and the rest are here already; only this library is built and installed.
          variables {"GITLIBS" (str libraries), "LNN_PYTHON" nil
                     "PYTHONPATH" (installed-packages)
                     "PIP_NO_DEPS" "1", "PIP_NO_BUILD_ISOLATION" "false"
                     "PATH" (str (.getParent (io/file executable)) ":" (System/getenv "PATH"))}
          path-file (temporary "path.edn")
          project {:deps {'io.github.aygp-dr/liquid-neural-networks
                          {:git/url (str "file://" upstream) :git/sha sha}}}
          {:keys [exit out]}
          (tools-deps variables
                      `(let [basis# (deps/create-basis {:project '~project})]
                         (deps/prep-libs! (:libs basis#) {:action :prep :log :info} basis#)
                         (spit ~path-file (pr-str (:classpath-roots basis#)))))]
      (is (= 0 exit) out)
      (is (re-find #"(?s)Prepping.*making the Python environment.*done" out))
      (when (= 0 exit)
        (let [path (str/join ":" (edn/read-string (slurp path-file)))
              {:keys [exit out]}
              (finish (java variables (str path ":" binding-path) "clojure.main" "-e"
                            (str "(require '[liquid-neural-networks.core :as lnn])"
                                 "(def facts (lnn/initialize!))"
                                 "(prn (lnn/forward (lnn/create-network {:input-size 1 :hidden-size 4"
                                 " :output-size 1}) [[1]]))"
                                 "(prn (select-keys facts [:fused :prefix]))"))
                      120)]
          (is (= 0 exit) out)
          (is (re-find #":fused true" out))
          (is (str/includes? out (str ":prefix \"" (.getCanonicalPath libraries)))))))))
