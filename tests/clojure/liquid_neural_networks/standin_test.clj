(ns liquid-neural-networks.standin-test
  "The stand-in and the real library do the same with what this library asks of them. Whichever of
  the two runs, it must pass; the expectations were taken from the real one."
  (:require [clojure.string :as str]
            [clojure.java.io :as io]
            [clojure.test :refer [are deftest is testing]]
            [libpython-clj2.python :as py]
            [liquid-neural-networks.helpers :refer [root]]))

(def ^:private used
  "What python.clj calls, with the numbers of arguments it passes."
  {'initialize! 6, 'import-module 1, 'get-attr 2, 'call-attr 3, 'make-fastcallable 1})

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

(def ^:private builtins (delay (py/import-module "builtins")))
(def ^:private operator (delay (py/import-module "operator")))

(defn- evaluated
  "What a Python expression gives: a scalar, or an object of Python."
  [text]
  (py/call-attr @builtins "eval" text {}))

(defn- shown
  "Python's repr of a value."
  [value]
  (py/call-attr @builtins "repr" value))

(deftest values-to-python
  (are [printed value] (= printed (shown value))
    "None" nil
    "True" true
    "False" false
    "3" 3
    "-9223372036854775808" Long/MIN_VALUE
    "3" (int 3)
    "3" 3N
    "0.5" 0.5
    "0.5" 1/2
    "1.5" 1.5M
    "0.5" (float 0.5)
    "nan" ##NaN
    "inf" ##Inf
    "-0.0" -0.0
    "'text'" "text"
    "'äöü €'" "äöü €"
    "'a-keyword'" :a-keyword
    "'a-name'" :with-a-namespace/a-name
    "'symbol'" 'symbol
    "()" []
    "(1, 2, 3)" [1 2 3]
    "(1, 2, 3, 4, 5, 6, 7)" [1 2 3 4 5 6 7]
    "[1, 2, 3, 4, 5, 6, 7, 8]" [1 2 3 4 5 6 7 8]
    "(1, 2)" (map inc [0 1])
    "(1, 2)" '(1 2)
    "{'a': 1, 'b': (2, None)}" (array-map :a 1 "b" [2 nil])
    "{1}" #{1})
  (is (thrown? Exception (shown 12345678901234567890N)))
  (is (thrown? Exception (shown (Object.)))))

(deftest values-from-python
  (let [copied (comp py/->jvm evaluated)]
    (are [value text] (= value (copied text))
      nil "None"
      true "True"
      3 "3"
      0.5 "0.5"
      "text €" "'text €'"
      [1 2 [3 nil]] "(1, 2, [3, None])"
      {"a" 1 "b" {"c" [true]}} "{'a': 1, 'b': {'c': [True]}}"
      {} "{}"
      [] "[]")
    (is (Double/isNaN (copied "float('nan')")))
    (is (= [Long Double Boolean] (map class (copied "[1, 1.0, True]"))))
    (testing "what is already here stays"
      (is (= [1 {:a 2}] (py/->jvm [1 {:a 2}]))))
    (testing "a torch tensor is refused"
      (is (thrown-with-msg? Exception #"does not implement sequence protocol"
                            (copied "__import__('torch').zeros(3)"))))))

(deftest errors-are-exceptions-with-the-traceback
  (let [e (try (evaluated "1 / 0") (catch Exception e e))]
    (is (= Exception (class e)))
    (is (str/starts-with? (ex-message e) "Traceback"))
    (is (str/ends-with? (str/trim (ex-message e)) "ZeroDivisionError: division by zero")))
  (is (thrown-with-msg? Exception #"ModuleNotFoundError" (py/import-module "there_is_none")))
  (is (thrown-with-msg? Exception #"AttributeError" (py/get-attr @builtins "there_is_none")))
  (testing "and nothing of it is left"
    (is (= 3 (py/call-attr @operator "add" 1 2)))))

(deftest fast-calls
  (py/call-attr @builtins "exec" "import builtins\nbuiltins._fast = iter([3, None, 'text €']).__next__" {})
  (with-open [next-one (py/make-fastcallable (py/get-attr @builtins "_fast"))]
    (is (= [3 nil "text €"] [(next-one) (next-one) (next-one)]))
    (is (thrown-with-msg? Exception #"StopIteration" (next-one)))))

(deftest python-starts-once
  (is (= :already-initialized (py/initialize!))))

(deftest scopes-release-what-was-made-in-them
  (let [gc (py/import-module "gc")
        tracked #(py/call-attr @builtins "len" (py/call-attr gc "get_objects"))
        make #(py/with-gil-stack-rc-context
                (dotimes [_ 100] (evaluated "[[], {}, set()]"))
                :done)]
    (make)
    (let [before (tracked)]
      (dotimes [_ 10] (is (= :done (make))))
      (is (< (- (tracked) before) 500)))))
