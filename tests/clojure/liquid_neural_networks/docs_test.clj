(ns liquid-neural-networks.docs-test
  "What the documents say in Clojure runs, and says what they say it does."
  (:require [clojure.java.io :as io]
            [clojure.spec.test.alpha :as stest]
            [clojure.string :as str]
            [clojure.test :refer [deftest is testing]]
            liquid-neural-networks.core
            [liquid-neural-networks.environment :as environment]
            [liquid-neural-networks.helpers :refer [clojure-process finish root]]
            [liquid-neural-networks.test-runner :refer [skip!]]))

(defn- forms
  "[form comment] of a text: what follows a form on its line, after ;"
  [text]
  (let [reader (java.io.PushbackReader. (java.io.StringReader. text) 8)]
    (loop [found []]
      (let [form (read {:eof ::end} reader)]
        (if (= form ::end)
          found
          (let [line (loop [line ""]
                       (let [c (.read reader)]
                         (if (contains? #{-1 10} c) line (recur (str line (char c))))))]
            (recur (conj found [form (str/trim (str/replace line #"^\s*;*" ""))]))))))))

(defn- run
  "Evaluates a text in a namespace of its own; for each form [form comment result]."
  [text]
  (let [name (gensym "example")]
    (binding [*ns* (create-ns name)]
      (refer-clojure)
      (alias 'lnn 'liquid-neural-networks.core)
      (try
        (doall
         (for [[form remark] (forms text)]
           [form remark (try (stest/with-instrument-disabled (eval form))
                             (catch Exception e (or (ex-cause e) e)))]))
        (finally (remove-ns name))))))

(defn- check [text]
  (doseq [[form remark result] (run text)]
    (let [[_ expected] (re-find #"^=> (.*?)(?: ;.*)?$" remark)]
      (cond
        expected (is (= (read-string expected) result) (pr-str form))
        (str/starts-with? remark "throws") (is (instance? clojure.lang.ExceptionInfo result)
                                               (pr-str form))
        :else (is (not (instance? Throwable result)) (str (pr-str form) " " result))))))

(defn- examples
  "The paragraphs of a docstring that are code."
  [doc]
  (->> (str/split doc #"\n\s*\n")
       (filter #(re-find #"^ {6}\(" %))
       (str/join "\n")))

(defn- public-vars []
  (for [[_ v] (sort-by key (ns-publics 'liquid-neural-networks.core))
        ;; The constructors of types are nobody's to call.
        :when (not (str/starts-with? (name (:name (meta v))) "->"))]
    v))

(deftest every-public-function-explains-itself
  (is (< 20 (count (public-vars))))
  (doseq [v (public-vars)]
    (let [{:keys [doc name]} (meta v)]
      (testing (str name)
        (is (string? doc))
        (is (not= "" (examples (or doc ""))) "an example"))))
  (testing "and so does the namespace"
    (is (re-find #"create-network" (:doc (meta (find-ns 'liquid-neural-networks.core)))))))

(deftest the-examples-of-docstrings-run
  (doseq [v (public-vars)]
    (let [text (examples (:doc (meta v)))]
      (testing (str v)
        (if (and (str/includes? text "needs its files") (not (System/getenv "LNN_DATA")))
          (skip! (str (:name (meta v)) ", its example") "LNN_DATA is not set")
          (check text))))))

(defn- blocks
  "The code blocks of a language in an Org file."
  [path language]
  (map second (re-seq (re-pattern (str "(?ms)^#\\+begin_src " language "\\n(.*?)^#\\+end_src"))
                      (slurp (io/file root path)))))

(deftest the-readme-runs-as-it-stands
  (let [[block & more] (blocks "README.org" "clojure")
        given "(def time-constants 0.7)"]
    (is (str/includes? block given))
    (is (re-find #"\(require '\[liquid-neural-networks.core :as lnn\]\)" block))
    (doseq [time-constants ["0.7" "(repeatedly 32 #(+ 0.1 (rand)))"]]
      (let [results (binding [*out* (java.io.StringWriter.) *err* (java.io.StringWriter.)]
                      (run (str (-> block
                                    (str/replace-first #"\(require[^\n]*" "")
                                    (str/replace-first given (str "(def time-constants " time-constants ")")))
                                (apply str more)
                                "\n[(count result) (count (first result)) (count (ffirst result))]")))]
        (doseq [[form _ result] results]
          (is (not (instance? Throwable result)) (str (pr-str form) " " result)))
        (is (= [4 20 2] (peek (last results))))))))

(deftest the-tutorial-runs-and-returns-what-it-says
  (let [code (str/join "\n" (blocks "docs/clojure.org" "clojure"))]
    (is (< 25 (count (re-seq #";=>" code))))
    (check code)))

(deftest the-tour-reads-and-runs
  (let [text (slurp (io/file root "clojure/dev/user.clj"))
        [_ tour] (re-find #"(?s)\n\(comment\n(.*)\)\s*$" text)
        shorter (-> tour
                    (str/replace ":epochs 30" ":epochs 2 :progress false")
                    (str/replace "(doc lnn/forward)" ""))]
    (check shorter)))

(defn- printed
  "What an example prints."
  [name & arguments]
  (require name)
  (binding [*err* (java.io.StringWriter.)]
    (with-out-str (apply (ns-resolve name '-main) arguments))))

(defn- numbers-in [text pattern]
  (mapv parse-double (rest (re-find pattern text))))

(deftest the-examples-run
  (is (< 100 (count (printed 'first-steps "2"))))
  (is (< 100 (count (printed 'look-inside))))
  (let [[before after] (numbers-in (printed 'embedded "12")
                                   #"(?s)for ([\d.]+) s of 20.*for ([\d.]+) s of 20")]
    (is (< (* 2 before) after) "it balances for longer once it has learned to")))

(deftest the-examples-on-real-data-run
  (if (System/getenv "LNN_DATA")
    (let [[error] (numbers-in (printed 'half-cheetah "1") #"test error ([\d.]+)")
          [network today] (numbers-in (printed 'weather "10")
                                      #"in 2015: ([\d.]+) .*today\": ([\d.]+)")
          _ (require 'anomaly)
          {:keys [liquid changes]} ((resolve 'anomaly/run) ["realKnownCause/nyc_taxi"] 10)]
      (is (< 2 error 6))
      (is (< network today) "better than the same as today")
      (is (< (:found changes) (:found liquid)) "finds what changes alone do not tell")
      (is (< (:false-alarms liquid) (:found liquid)) "and not by alarms everywhere"))
    (skip! "examples/clojure/{half_cheetah,weather,anomaly}.clj" "LNN_DATA is not set")))

(deftest every-name-is-in-the-api-document
  (let [text (slurp (io/file root "docs/api.org"))]
    (is (= [] (remove #(str/includes? text (str "=" % "=")) (map (comp :name meta) (public-vars)))))))

(deftest the-versions-agree
  (let [[_ version] (re-find #"(?m)^version = \"(.*)\"$" (slurp (io/file root "pyproject.toml")))]
    (is (= version environment/version))))

(deftest nothing-is-reflective
  (let [names (for [file (.listFiles (io/file root "clojure/src/liquid_neural_networks"))
                    :let [name (-> (.getName ^java.io.File file)
                                   (str/replace ".clj" "")
                                   (str/replace "_" "-"))]
                    :when (or (not= name "metamorph") (io/resource "scicloj/metamorph/ml.clj"))]
                name)
        {:keys [exit out]}
        (finish (clojure-process {} (str "(require 'libpython-clj2.python)"
                                         "(set! *warn-on-reflection* true)"
                                         "(require " (str/join " " (map #(str "'liquid-neural-networks." %)
                                                                        names))
                                         ")"))
                120)]
    (is (< 8 (count names)))
    (is (= 0 exit))
    (is (not (re-find #"(Reflection|Boxed math) warning, liquid_neural" out)) out)))
