(ns common
  "What the examples that read data share."
  (:require [clojure.java.io :as io])
  (:import [java.io File]))

(defn data-file
  "A file of a data set, in the folder named by LNN_DATA."
  ^File [folder name]
  (let [file (io/file (or (System/getenv "LNN_DATA") "") folder name)]
    (when-not (.isFile file)
      (throw (ex-info (str file " is not there; set LNN_DATA to the folder above " folder
                           " (its page in examples says what is in it)")
                      {:file (str file)})))
    file))

(defn mean [numbers]
  (/ (reduce + numbers) (double (count numbers))))

(defn deviation [numbers]
  (let [middle (mean numbers)]
    (Math/sqrt (mean (map #(let [d (- % middle)] (* d d)) numbers)))))
