(ns ^:no-doc liquid-neural-networks.errors
  "Every error is an ex-info: `:type` says which kind, `:argument` which argument, and
  `:expected` what would have been right. The kinds are those of the specification."
  (:require [clojure.string :as str]))

(defn error
  "An ex-info of a `type` such as `:shape-error`, about `argument` (nil if about none)."
  ([type argument message] (error type argument message nil))
  ([type argument message data]
   (ex-info (if argument (str argument ": " message) message)
            (cond-> (assoc data :type type)
              argument (assoc :argument argument)))))

(defn- kebab [text] (str/replace text "_" "-"))

(defn error-type
  "\"ShapeError\" -> `:shape-error`; any other exception of Python is a `:python-error`."
  [class-name]
  (case class-name
    ("ShapeError" "DtypeError" "DomainError" "OptionError" "DataError" "ModelFileError"
     "MissingDependencyError")
    (keyword (str/lower-case (str/replace class-name #"(?<=[a-z])(?=[A-Z])" "-")))
    :python-error))

(defn python-error
  "The ex-info of an exception that Python described."
  [{:strs [type message argument traceback]}]
  (let [kind (error-type type)
        expected (second (re-find #"(?s)expected (.*?)(?:, got |; |$)" (or message "")))]
    (ex-info (if (= kind :python-error) (str type ": " message) message)
             (cond-> {:type kind
                      :python/type type
                      :python/message message
                      :python/traceback traceback}
               argument (assoc :argument (keyword (kebab argument)))
               expected (assoc :expected expected)))))
