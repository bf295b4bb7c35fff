(ns liquid-neural-networks.environment-test
  "Which Python is chosen; each case in a JVM of its own, since a process has one Python."
  (:require [clojure.edn :as edn]
            [clojure.java.io :as io]
            [clojure.test :refer [deftest is testing]]
            [liquid-neural-networks.core :as lnn]
            [liquid-neural-networks.environment :as environment]
            [liquid-neural-networks.helpers :refer [clojure-process error executable finish root
                                                    start temporary]]
            [liquid-neural-networks.prep :as prep]))

(defn- chosen
  "What find-python answers in another process: the executable, or the message of its error."
  [variables explicit]
  (let [code (str "(require '[liquid-neural-networks.environment :as e])"
                  "(prn (try (:executable (e/find-python " (pr-str explicit) "))"
                  "          (catch clojure.lang.ExceptionInfo e (ex-message e))))")
        {:keys [exit out]} (finish (clojure-process variables code) 120)]
    (if (= 0 exit) (edn/read-string out) out)))

(defn- script
  "An executable file."
  [text]
  (let [path (temporary "python")]
    (spit path text)
    (.setExecutable (io/file path) true)
    path))

(deftest the-first-that-will-do-is-chosen
  (testing "the option before the variable"
    (is (= executable (chosen {"LNN_PYTHON" "/nowhere/python"} executable))))
  (testing "the variable before everything else"
    (is (= executable (chosen {"LNN_PYTHON" executable} nil))))
  (testing "the environment of this checkout"
    (let [made (environment/executable-in (io/file root ".venv"))]
      (when-not (:problem (environment/examine made))
        (is (= (str made) (chosen {"LNN_PYTHON" nil} nil)))))))

(deftest a-named-one-that-will-not-do-is-an-error
  (let [message (chosen {"LNN_PYTHON" "/nowhere/python"} nil)]
    (is (re-find #"no Python with liquid-neural-networks .* was found\. Tried:\n  /nowhere/python \(LNN_PYTHON\): not found"
                 message))
    (is (re-find #"clojure -X:deps prep" message)))
  (is (re-find #"exit status 3" (chosen {} (script "#!/bin/sh\nexit 3\n")))))

(deftest nothing-takes-the-place-of-a-named-one
  (let [folder (io/file (temporary "folder"))
        other (io/file folder "python3")
        good (format "{:executable \"good\" :python \"3.9.1\" :library \"l\" :package \"%s\"}"
                     environment/version)
        path {"PATH" (str folder ":" (System/getenv "PATH"))}]
    (.mkdirs folder)
    (.renameTo (io/file (script (str "#!/bin/sh\necho '" good "'\n"))) other)
    (is (= "good" (:executable (environment/examine other))))
    (is (re-find #"not found" (chosen path "/nowhere/python")))
    (is (re-find #"not found" (chosen (assoc path "LNN_PYTHON" "/nowhere/python") nil)))))

(deftest what-is-missing-is-said
  (let [answer #(:problem (environment/examine (script (str "#!/bin/sh\necho '" % "'\n"))))]
    (is (re-find #"has no liquid-neural-networks package"
                 (answer "{:executable \"x\" :python \"3.9.1\" :library \"l\" :package nil}")))
    (is (re-find #"has version 0.0.9 of the package, and .* is needed"
                 (answer "{:executable \"x\" :python \"3.9.1\" :library \"l\" :package \"0.0.9\"}")))
    (is (re-find #"without a shared libpython"
                 (answer (format "{:executable \"x\" :python \"3.9.1\" :library nil :package \"%s\"}"
                                 environment/version))))))

(deftest a-process-has-one-python
  (is (= (:python-executable (lnn/initialize!))
         (:python-executable (lnn/initialize! {:python-executable executable}))))
  (let [data (error (lnn/initialize! {:python-executable "/nowhere/python"}))]
    (is (= :python-environment (:type data)))
    (is (= :python-executable (:argument data))))
  (is (= :option-error (:type (error (lnn/initialize! {:python "x"})))))
  (is (= environment/version (:version (lnn/initialize!))))
  (is (true? (:fused (lnn/initialize!))) "the compiled step runs"))

(deftest nothing-starts-when-the-library-is-loaded
  (let [{:keys [exit out]}
        (finish (clojure-process {"LNN_PYTHON" "/nowhere/python"}
                                 (str "(require '[liquid-neural-networks.core :as lnn])"
                                      "(println (find-ns 'libpython-clj2.python))"
                                      "(try (lnn/create-network {:input-size 1})"
                                      "  (catch Exception e (println (:type (ex-data e)))))"))
                120)]
    (is (= 0 exit))
    (is (= "nil\n:python-environment\n" out))))

(deftest prep-installs-what-conformance-needs
  (let [project (slurp (io/file root "pyproject.toml"))
        [_ extras] (re-find #"^\.\[([\w,]+)\]$" prep/requirement)]
    (is (some #(re-find (re-pattern (str "(?m)^" % " = \\[\"torchdiffeq")) project)
              (.split ^String extras ",")))))

(deftest another-python-that-was-first-is-named
  (let [other (str (io/file (temporary "folder") "venv"))
        {made :exit} (finish (start {} executable "-m" "venv" "--without-pip" other) 120)
        {:keys [exit out]}
        (finish (clojure-process
                 {"PYTHONPATH" nil}
                 (str "(require '[libpython-clj2.python :as py]"
                      "         '[liquid-neural-networks.core :as lnn]"
                      "         '[liquid-neural-networks.environment :as environment])"
                      "(py/initialize! :python-executable " (pr-str (str other "/bin/python"))
                      "  :library-path (:library (environment/examine " (pr-str executable) ")))"
                      ;; The package is found where PYTHONPATH leads, which the other lacks.
                      "(with-redefs [environment/find-python (fn [_] {:executable \"ours\"})]"
                      "  (try (lnn/initialize!)"
                      "    (catch clojure.lang.ExceptionInfo e (println (:type (ex-data e)) (ex-message e)))))"
                      "(System/exit 0)"))
                120)]
    (is (= [0 0] [made exit]) out)
    (is (re-find #":python-environment something else in this process started Python first \(.*venv\); call \(lnn/initialize!\) before it"
                 out))))
