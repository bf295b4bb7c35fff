(ns liquid-neural-networks.test-runner
  "Runs every namespace that ends in -test, or those named, with clojure.spec watching the calls.
  A test that asserts nothing has failed, unless it says what it could not test. The last line
  says how many tests passed and failed, and the exit status whether any did."
  (:require [clojure.java.io :as io]
            [clojure.spec.test.alpha :as stest]
            [clojure.string :as str]
            [clojure.test :as test]
            [clojure.test.check.clojure-test :as check]
            [liquid-neural-networks.core :as lnn]
            liquid-neural-networks.specs))

(def skipped
  "What could not be tested, and why; shown at the end."
  (atom []))

(defn skip! [what why]
  (swap! skipped conj (str what ": " why)))

(defn- namespaces []
  (->> (io/file (io/resource "liquid_neural_networks/test_runner.clj"))
       .getParentFile
       .list
       (filter #(str/ends-with? % "_test.clj"))
       sort
       (map #(str "liquid-neural-networks." (str/replace (subs % 0 (- (count %) 4)) "_" "-")))))

(def ^:private outcomes "Test var -> whether it passed." (atom {}))

(defn- said
  "How much was asserted or skipped until now."
  []
  (+ (count @skipped) (apply + (vals (dissoc @test/*report-counters* :test)))))

(defn- check-something-said [var before]
  (when (= before (said))
    (println "asserts nothing:" (str var))
    (swap! outcomes assoc var false)))

(defn- counting
  "A reporter that also notes how each test went, and shows the slow ones."
  [report]
  (let [started (atom nil)
        before (atom nil)]
    (fn [{:keys [type var] :as event}]
      (case type
        :begin-test-var (do (swap! outcomes assoc var true)
                            (reset! before (said))
                            (reset! started (System/nanoTime)))
        (:fail :error) (swap! outcomes assoc (or (first test/*testing-vars*) :outside) false)
        :end-test-var (let [seconds (/ (- (System/nanoTime) @started) 1e9)]
                        (check-something-said var @before)
                        (when (< 5 seconds)
                          (println (format "  %s took %.0f s" (:name (meta var)) seconds))))
        nil)
      (report event))))

(defn- which-binding []
  (require 'libpython-clj2.python)
  (if (ns-resolve 'libpython-clj2.python 'stand-in)
    "the stand-in of the tests over JNA, not the real library"
    "the real library"))

(defn -main [& named]
  (let [start (System/nanoTime)
        wanted (map symbol (or (seq named) (namespaces)))]
    (lnn/initialize! {:threads 1})
    (apply require wanted)
    (stest/instrument)
    (let [report test/report
          summary (binding [test/*stack-trace-depth* 12
                            check/*report-completion* false]
                    (with-redefs [test/report (counting report)]
                      (apply test/run-tests wanted)))
          {passed true failed false} (frequencies (vals @outcomes))]
      (println)
      (doseq [[var passed] @outcomes :when (not passed)] (println "FAILED" (str var)))
      (doseq [each @skipped] (println "NOT TESTED" each))
      (println "libpython-clj:" (which-binding))
      (println (format "%d passed, %d failed, %d skipped; %d assertions in %.0f s"
                       (or passed 0) (or failed 0) (count @skipped)
                       (+ (:pass summary) (:fail summary) (:error summary))
                       (/ (- (System/nanoTime) start) 1e9)))
      (System/exit (if (and passed (not failed)) 0 1)))))
