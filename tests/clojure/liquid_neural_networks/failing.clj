(ns liquid-neural-networks.failing
  "Tests of the test runner: one fails."
  (:require [clojure.test :refer [deftest is]]))

(deftest passes (is true))

(deftest fails (is (= :this :is-meant-to-fail)))
