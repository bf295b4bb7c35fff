(ns liquid-neural-networks.standin-test
  "The stand-in and the real library do the same with what this library asks of them, and the stand-in
  refuses the rest. Whichever of the two runs, it must pass; the expectations were taken from the
  real one."
  (:require [clojure.string :as str]
            [clojure.java.io :as io]
            [clojure.test :refer [are deftest is testing]]
            [libpython-clj2.python :as py]
            [liquid-neural-networks.helpers :refer [root]]))

(def ^:private used
  "What python.clj calls, with the numbers of arguments it passes."
  {'initialize! 6, 'import-module 1, 'get-attr 2, 'call-attr 2})

(defn- takes? [v n]
  (some (fn [arguments]
          (let [fixed (take-while (complement #{'&}) arguments)]
            (if (some #{'&} arguments) (<= (count fixed) n) (= (count fixed) n))))
        (:arglists (meta v))))

(deftest names-and-arities
  (doseq [[name n] used]
    (is (takes? (ns-resolve 'libpython-clj2.python name) n) (str name)))
  (testing "nothing else is used"
    (let [text (slurp (io/file root "clojure/src/liquid_neural_networks/python.clj"))]
      (is (= (set (map str (keys used)))
             (set (map second (re-seq #"py/([^\s()]+)" text)))))))
  (testing "and nowhere else"
    (doseq [file (.listFiles (io/file root "clojure/src/liquid_neural_networks"))
            :when (not (re-find #"python\.clj$" (str file)))]
      (is (not (re-find #"libpython-clj2" (slurp file))) (str file)))))

(deftest values-from-python
  (let [unpickler (py/import-module "ast")
        evaluated #(py/call-attr unpickler "literal_eval" %)]
    (are [value text] (= value (evaluated text))
      nil "None"
      true "True"
      3 "3"
      0.5 "0.5"
      140737488355328 "140737488355328"
      "text € \uD83D\uDE00" "'text € \uD83D\uDE00'")
    (is (= [Long Double Boolean String] (map (comp class evaluated) ["1" "1.0" "True" "'x'"])))
    (testing "a list is a live view in the original; the stand-in has no such thing"
      (let [path #(py/get-attr (py/import-module "sys") "path")]
        (if (ns-resolve 'libpython-clj2.python 'stand-in)
          (is (thrown-with-msg? Exception #"list" (path)))
          (is (and (coll? (path)) (not (vector? (path))))))))
    (is (= 3 (py/call-attr (py/import-module "operator") "index" 3)) "integers go there as well")
    (is (string? (py/get-attr (py/import-module "sys") "prefix")))))

(deftest errors-are-exceptions-with-the-traceback
  (let [ast (py/import-module "ast")
        e (try (py/call-attr ast "literal_eval" "1 +") (catch Exception e e))]
    (is (= Exception (class e)))
    (is (str/starts-with? (ex-message e) "Traceback"))
    (is (re-find #"SyntaxError: invalid syntax\s*$" (ex-message e)))
    (is (thrown-with-msg? Exception #"ModuleNotFoundError" (py/import-module "there_is_none")))
    (is (thrown-with-msg? Exception #"AttributeError" (py/get-attr ast "there_is_none")))
    (is (thrown? Exception (py/call-attr ast "literal_eval" (Object.))))
    (testing "and nothing of it is left"
      (is (= 3 (py/call-attr ast "literal_eval" "3"))))))

(deftest python-starts-once
  (is (= :already-initialized (py/initialize!))))
