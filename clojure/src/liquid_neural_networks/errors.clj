(ns ^:no-doc liquid-neural-networks.errors
  "Every error is an ex-info: `:type` says which kind, `:argument` which argument, and
  `:expected` what would have been right. The kinds are those of the specification."
  (:require [clojure.string :as str]))

(def ^:private most-letters "Of a value in a message." 100)

(defn shown
  "A value for a message: the beginning of it, where it is long or has no end."
  [value]
  (let [text (binding [*print-length* 5, *print-level* 3, *print-meta* false]
               (pr-str (if (string? value)
                         (subs value 0 (min (count value) most-letters))
                         value)))]
    (if (< most-letters (count text))
      (str (subs text 0 most-letters) "...")
      text)))

(defn- scalar? [value]
  (or (nil? value) (number? value) (boolean? value) (keyword? value)
      (and (string? value) (<= (count value) most-letters))))

(defn error
  "An ex-info of a `type` such as `:shape-error`, about `argument` (nil if about none). A
  `:value` in its data is left out where it is large."
  ([type argument message] (error type argument message nil))
  ([type argument message data]
   (ex-info (if argument (str argument ": " message) message)
            (cond-> (assoc data :type type)
              (not (scalar? (:value data))) (dissoc :value)
              argument (assoc :argument argument)))))

(defn wrong-type
  "The ex-info of a value that is not what was expected."
  [argument expected value]
  (error :dtype-error argument (str "expected " expected ", got " (shown value))
         {:expected expected :value value}))

(def ^:private file-errors
  #{"FileNotFoundError" "FileExistsError" "IsADirectoryError" "NotADirectoryError"
    "PermissionError" "OSError"})

(defn error-type
  "\"ShapeError\" -> `:shape-error`; what Python says of files is a `:file-error`, any other
  exception of it a `:python-error`."
  [class-name]
  (case class-name
    ("ShapeError" "DtypeError" "DomainError" "OptionError" "DataError" "ModelFileError"
     "MissingDependencyError")
    (keyword (str/lower-case (str/replace class-name #"(?<=[a-z])(?=[A-Z])" "-")))
    (if (file-errors class-name) :file-error :python-error)))

(defn- message-of
  "What was said of an argument, which begins with the name it has here."
  [kind {:strs [type message argument]} name reworded]
  (let [prefix (str argument ": ")]
    (cond
      (= kind :python-error) (str type ": " message)
      (and argument (str/starts-with? message prefix))
      (str name ": " (reworded (subs message (count prefix))))
      :else (reworded message))))

(defn python-error
  "The ex-info of an exception that Python described; `named` gives the caller's own name of an
  argument, `reworded` a message in Clojure's words."
  [{:strs [type message argument traceback] :as described} named reworded]
  (let [kind (error-type type)
        name (some-> argument named)
        text (message-of kind described name reworded)
        expected (second (re-find #"(?s)expected (.*?)(?:, got |; |$)" text))]
    (ex-info text
             (cond-> {:type kind
                      :python/type type
                      :python/message message
                      :python/traceback traceback}
               name (assoc :argument name)
               expected (assoc :expected expected)))))
