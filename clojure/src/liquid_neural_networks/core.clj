(ns liquid-neural-networks.core
  "Liquid neural networks: small recurrent networks of neurons whose time constants change with
  what they hear.

      (require '[liquid-neural-networks.core :as lnn])
      (def network (lnn/create-network {:input-size 10 :hidden-size 32 :output-size 2}))
      (def result (lnn/forward network input-data time-constants))

  Sizes in the docstrings: B sequences, T samples, I inputs, N neurons, O outputs. Numbers are
  given as nested vectors or other sequences (nil where a value is missing), Java arrays of one
  to three dimensions, flat data with a shape as `{:data array :shape [B T I]}`, or tensors of
  dtype-next. They come back as nested vectors, or as `:as` says: `:double-array` or
  `:float-array` (flat, in row-major order), `:array` (a map of `:data` and `:shape` that can be
  given back) or `:tensor` (dtype-next).

  Python starts, in this process, when the first function needs it; see [[initialize!]].
  Everything may be called from any thread.

  Every error is an ex-info whose data has `:type`, and where they apply `:argument`, `:expected`
  and `:value`. Types are `:shape-error`, `:dtype-error`, `:domain-error`, `:option-error`,
  `:data-error`, `:model-file-error`, `:missing-dependency-error` (see the specification), and
  `:python-environment` and `:python-error`. What Python raised also has `:python/type`,
  `:python/message` and `:python/traceback`."
  (:require [clojure.java.io :as io]
            [clojure.string :as str]
            [liquid-neural-networks.arrays :as arrays]
            [liquid-neural-networks.environment :as environment]
            [liquid-neural-networks.errors :refer [error]]
            [liquid-neural-networks.options :as options]
            [liquid-neural-networks.runtime :as runtime]
            [liquid-neural-networks.tables :as tables]
            [liquid-neural-networks.training :as training])
  (:import [clojure.lang ILookup IObj]
           [java.lang AutoCloseable]
           [java.nio DoubleBuffer]
           [java.util.concurrent.atomic AtomicBoolean]
           [liquid_neural_networks.runtime Owned]))

(set! *warn-on-reflection* true)

;; -- Python ---------------------------------------------------------------------------------

(defn initialize!
  "Starts Python now rather than when it is first needed, and says what runs.

    :python-executable  which Python, see below
    :threads            how many threads torch may use; small networks rarely gain from many

  The interpreter is the first of these that has this library's Python package, in this version,
  and a shared libpython: the option `:python-executable`, the environment variable LNN_PYTHON,
  the environment that `clojure -X:deps prep` made, `python3` on the PATH. A process has one
  Python for ever, so further calls only say what runs.

  Throws `:python-environment` with a message that names what was tried.

      (:version (lnn/initialize! {:threads 1})) ;=> \"0.1.0\""
  ([] (initialize! nil))
  ([options]
   (let [{:keys [python-executable threads]} (options/check :initialize! options)
         {:keys [executable]} (runtime/initialize! (some-> python-executable str))]
     (when threads (runtime/call "set_threads" [threads]))
     (assoc (options/to-clojure (runtime/call "version" [])) :python-executable executable))))

;; -- networks -------------------------------------------------------------------------------

(declare summary)

(deftype Network [owned facts metadata]
  Object
  (toString [this] (summary this))
  IObj
  (meta [_] metadata)
  (withMeta [_ changed] (Network. owned facts changed)))

(defn- summary [^Network network]
  (let [{:strs [input_size hidden_size output_size num_layers bidirectional dynamics synapses
                sensory_synapses parameters]} (.-facts network)]
    (str "#<LiquidNetwork " input_size " inputs, " hidden_size " neurons"
         (when (< 1 num_layers) (str " in each of " num_layers " layers"))
         (when bidirectional ", both directions")
         ", " output_size " outputs, " (dynamics "type") ", " synapses " + " sensory_synapses
         " synapses, " parameters " parameters>")))

(defmethod print-method Network [network ^java.io.Writer writer]
  (.write writer (str network)))

(defn network?
  "Whether `x` is a network.

      (lnn/network? (lnn/create-network {:input-size 1 :hidden-size 4 :output-size 1})) ;=> true"
  [x]
  (instance? Network x))

(defn- owned-by [network]
  (when-not (network? network)
    (throw (error :dtype-error :network (str "expected a network, got " (pr-str network))
                  {:expected "a network" :value network})))
  (.-owned ^Network network))

(defn- facts-of [network]
  (owned-by network)
  (.-facts ^Network network))

(defn- call-on
  "Calls a function of interop on a network."
  [network function & arguments]
  (apply runtime/call-on (owned-by network) function arguments))

(defn- introduced
  "The network that Python described."
  [{:strs [handle scaling metadata] :as facts}]
  (Network. (runtime/own handle)
            facts
            (cond-> nil
              (seq metadata) (assoc :metadata (options/to-keywords metadata))
              scaling (assoc :scaling (options/to-keywords scaling)))))

(defn create-network
  "A network from a map of options. `:input-size` is required, and `:hidden-size` and
  `:output-size` unless a wiring says them.

    :input-size, :hidden-size, :output-size  I, N and O
    :wiring       which synapses exist: `{:type :ncp :inter 12 :command 6 :motor 1}`,
                  `:auto-ncp`, `:random`, `:fully-connected` or `:c-elegans`, each with a :seed;
                  or the synapses themselves, as [[wiring]] returns them. A vector gives each
                  population its own. Default: fully connected
    :dynamics     :conductance (default), :dense, :lrc or :closed-form, or with options
                  {:type :dense :activation :tanh}
    :solver       :fused (default), :exponential, :euler, :rk4 or :adaptive; closed-form
                  dynamics have none
    :unfolds      solver steps a sample; 6
    :constraint   :clip (default) or :softplus
    :mixed-memory an LSTM memory cell beside the liquid state; false
    :num-layers, :dropout, :bidirectional, :batch-first, :return-sequences, :readout
                  as in Python; 1, 0.0, false, true, true, by the wiring
    :seed         of the initial parameters; random
    :dtype        :float32 (default) or :float64

  Source: Hasani et al., Liquid Time-constant Networks, AAAI 2021.

      (lnn/create-network {:input-size 10 :hidden-size 32 :output-size 2 :seed 1})

      (lnn/create-network {:input-size 8 :wiring {:type :ncp :inter 12 :command 6 :motor 1}})"
  [options]
  (let [{:keys [dtype] :as checked} (options/check :create-network options)]
    (introduced
     (runtime/call "create_network" [(options/to-python (dissoc checked :dtype))
                                     (options/to-python (or dtype :float32))]))))

(defn- run-arguments
  "What a run through a network is given, described for Python."
  [inputs time-constants options]
  (arrays/described
   {:inputs inputs
    :time-constants time-constants
    :elapsed-time (:elapsed-time options)
    :mask (:mask options)
    :state (:state options)}))

(defn forward
  "Runs a network over a batch of sequences, or over one.

    inputs          (B, T, I), or (T, I) for one sequence; nil where a value is missing
    time-constants  base time constants in place of the learned ones, positive: a number, (N),
                    (B, N) or (B, T, N), in the unit of the elapsed time; nil: the learned ones
    :elapsed-time   time before each sample: a number, (T) or (B, T); 1
    :mask           true where a value exists: (B, T, I) for values, (B, T) for padding
    :state          what an earlier call returned; zeros
    :return-state   return {:outputs ... :state ...}, to go on from there
    :as             :vectors, :double-array, :float-array, :array or :tensor

  Options may be given as a map or one by one. Returns (B, T, O), or (T, O) for one sequence.

      (def network (lnn/create-network {:input-size 2 :hidden-size 8 :output-size 1}))
      (lnn/forward network [[0.5 -0.1] [0.4 nil] [0.3 0.2]])
      (lnn/forward network [[0.5 -0.1] [0.4 0.0]] 0.7 :elapsed-time [0.1 0.3])
      (lnn/forward network (float-array 640) nil {:as :float-array}) ; throws: it has no shape
      (lnn/forward network {:data (float-array 640) :shape [4 80 2]} nil {:as :float-array})"
  ([network inputs] (forward network inputs nil))
  ([network inputs time-constants & {:as options}]
   (let [{:keys [return-state as] :or {as :vectors} :as checked} (options/check :forward options)
         {:strs [outputs state]} (call-on network "forward"
                                             (run-arguments inputs time-constants checked)
                                             (boolean return-state))
         outputs (arrays/read-array outputs as)]
     (if return-state
       {:outputs outputs :state (arrays/read-array state as)}
       outputs))))

;; -- training -------------------------------------------------------------------------------

(defn- windows
  "Checks that `data` has what every use of windows needs."
  [data needed]
  (when-not (map? data)
    (throw (error :dtype-error :data (str "expected a map, got " (pr-str data))
                  {:expected "a map with :inputs and :targets"})))
  (doseq [key needed]
    (when (nil? (data key))
      (throw (error :option-error key "is missing from the data" {:expected "windows"}))))
  data)

(defn train!
  "Trains a network on windows; afterwards it has the weights of the best epoch.

    data  {:inputs (M, L, I), :targets (M, L, O) values or (M, L) classes from 0} of M windows of
          L samples, perhaps with :elapsed-time (M, L) and :mask. Targets lack L when the network
          returns the last output only. nil in inputs is a missing value, in targets an unknown
          one

    :valid          windows that choose the best epoch; none: the last epoch is the best
    :epochs         at most; 100
    :batch-size     16
    :learning-rate  of Adam; 0.01
    :schedule       :constant (default) or :cosine
    :max-gradient-norm
                    scale the gradient down to this length where it is longer; never
    :patience       stop after so many epochs without a better one; never
    :seed           of shuffling and dropout; 0. The same seed and data give the same weights, in
                    Python too
    :on-epoch       called after every epoch with {:epoch :train-loss :valid-loss :best-epoch};
                    return :stop to stop. What it throws stops the training and is thrown here
    :save-to        a .lnn file that always holds the best network so far
    :checkpoint     a file written after every epoch
    :resume         go on from the checkpoint, if there is one; false
    :drop-last      leave out the last minibatch if it is not full; false
    :progress       a line on standard error; true

  Returns {:train-loss [...] :valid-loss [...] :epochs n :best-epoch n :best-loss x :ended why},
  why being :finished, :callback or :stopped: by [[stop-trainings!]], an interrupt of the thread
  (`future-cancel`, an editor), or the end of the JVM, each at the next minibatch.

      (def wave (mapv #(Math/sin (* 0.3 %)) (range 400)))
      (def data {:inputs  (for [start (range 0 360 10)] (map vector (subvec wave start (+ start 32))))
                 :targets (for [start (range 1 361 10)] (map vector (subvec wave start (+ start 32))))})
      (def network (lnn/create-network {:input-size 1 :hidden-size 8 :output-size 1 :seed 0}))
      (def history (lnn/train! network data {:epochs 5 :progress false}))
      (< (last (:train-loss history)) (first (:train-loss history))) ;=> true"
  [network data & {:as options}]
  (training/train! (owned-by network)
                   (windows data [:inputs :targets])
                   (options/check :train! options)))

(defn stop-trainings!
  "Asks every training under way, on whichever thread, to stop at its next minibatch; [[train!]]
  then returns as usual. Returns how many there were.

      (lnn/stop-trainings!) ;=> 0"
  []
  (runtime/stop-trainings!))

(defn load-data
  "The windows of a published task, {:train :valid :test}, each as [[train!]] takes it.

  Files come from the folder in the environment variable LNN_DATA, else from the cache, else
  from their source.

    :protocol  :paper or :honest; the task's first
    :as        see the namespace; :array, which does not copy numbers one by one

  Throws `:data-error` when the task is unknown or its files cannot be had.

      (keys (lnn/load-data :half-cheetah)) ;=> (:train :valid :test) ; needs its files"
  [task & {:as options}]
  (let [{:keys [protocol as] :or {as :array}} (options/check :load-data options)
        found (runtime/call "task_windows" [(options/snake task)
                                            (some-> protocol options/snake)])]
    (into {} (for [part ["train" "valid" "test"]]
               [(keyword part)
                (into {} (for [[field described] (found part)]
                           [(options/kebab field) (arrays/read-array described as)]))]))))

;; -- tables ---------------------------------------------------------------------------------

(defn read-table
  "The columns of a CSV, TSV or Parquet file, by keywords of their very names: numbers as `:as`
  says, dates and times of java.time, text, true and false; nil where a cell is empty.

    :as  :vectors (default), :double-array or :float-array, of columns of numbers, where NaN is a
         missing one

  Throws `:data-error` when the file is not there, of another kind, damaged or empty.

      (spit \"room.csv\" \"time,co2\\n2024-05-01 10:00:00,415.5\\n2024-05-01 10:05:00,\\n\")
      (:co2 (lnn/read-table \"room.csv\")) ;=> [415.5 nil]
      (str (first (:time (lnn/read-table \"room.csv\")))) ;=> \"2024-05-01T10:00\""
  [path & {:as options}]
  (let [{:keys [as] :or {as :vectors}} (options/check :read-table options)]
    (tables/from-python (runtime/call "read_table" [(str path)]) as)))

(deftype Forecaster [owned facts]
  ILookup
  (valAt [_ key] (get facts key))
  (valAt [_ key default] (get facts key default))
  Object
  (toString [_]
    (let [{:keys [network columns horizon]} facts]
      (str "#<Forecaster of " (str/join ", " (:targets columns)) ", " horizon
           (if (= 1 horizon) " row" " rows") " ahead: " network ">"))))

(defmethod print-method Forecaster [forecaster ^java.io.Writer writer]
  (.write writer (str forecaster)))

(defn- forecaster? [x] (instance? Forecaster x))

(defn- introduced-forecaster
  "The forecaster that Python described."
  [{:strs [handle network] :as facts}]
  (Forecaster. (runtime/own handle)
               (-> (options/to-clojure (dissoc facts "handle" "network" "history"))
                   (assoc :network (introduced network) :history (get facts "history")))))

(defn fit-table
  "Trains a network on a table, one row a sample in order of time, and returns a forecaster: the
  network with all it takes to read the next table the same way. The oldest rows train, the next
  choose the best epoch, the newest measure the result. Numbers are scaled by what the training
  rows say; an empty cell is a missing value.

    table    path of a CSV, TSV or Parquet file, or a map of columns: numbers in a vector or an
             array, times of java.time, text, booleans; nil where missing
    targets  the column to predict, or several

    :features   numeric columns to feed; all, the past of the targets included
    :time       column of times; the steps between them reach the network as elapsed time
    :horizon    rows ahead; 1, and 0 for classes
    :classes    whether the target is a class; if it holds text or booleans
    :changes    learn changes of the target rather than its level, so that a network that knows
                nothing repeats the latest value; true where that can be
    :window, :stride  rows of a training window, and from one to the next; 32 and half of it
    :valid, :test     fractions of the rows; 0.15 each
    :patience   stop after so many epochs without a better one; 20
    :hidden-size (32), :wiring, :dynamics, :solver, :unfolds, :mixed-memory
                as for [[create-network]]
    :epochs, :batch-size, :learning-rate, :schedule, :max-gradient-norm, :seed, :on-epoch,
    :checkpoint, :resume, :progress
                as for [[train!]]; the seed is also that of the initial parameters

  Of a forecaster, `(:network f)`, `(:columns f)`, `(:horizon f)`, `(:changes f)`, `(:history f)` as
  [[train!]] returns it, and `(:test f)` can be asked: what [[evaluate]] says of the newest rows.

  Throws `:data-error` naming the column, or the table, that cannot be used.

      (def table {:time (range 300) :wave (mapv #(Math/sin (/ % 3)) (range 300))})
      (def forecaster (lnn/fit-table table :wave {:time :time :hidden-size 8 :epochs 20 :progress false}))
      (< (:mse (:test forecaster)) (:baseline-mse (:test forecaster))) ;=> true
      (keys (lnn/predict forecaster table)) ;=> (:time :predicted_wave)"
  [table targets & {:as options}]
  (options/check-value :targets ::options/column-or-columns targets)
  (introduced-forecaster (training/fit-table table targets (options/check :fit-table options))))

(defn load-forecaster
  "The forecaster in a `.lnn` file that [[save]], Python or `lnn train` wrote.

  Throws `:model-file-error` when the file is damaged, or its network was not trained on a table.

      (def table {:wave (mapv #(Math/sin (/ % 3)) (range 300))})
      (lnn/save (lnn/fit-table table :wave {:epochs 1 :progress false}) \"wave.lnn\")
      (:horizon (lnn/load-forecaster \"wave.lnn\")) ;=> 1"
  [path]
  (introduced-forecaster (update (runtime/call "load_forecaster" [(str path)])
                                 "history" options/to-clojure)))

(defn predict
  "A network's outputs for windows, a batch at a time; or a forecaster's forecasts for a table.

    data         of a network: as for [[train!]], :targets not needed
                 of a forecaster: a table as for [[fit-table]], the targets needed only where
                 changes are learned
    :batch-size  windows at a time; only memory depends on it; 256. Not for forecasters
    :as          see the namespace

  A forecaster returns columns with one row for each of the table: the times, if there are any,
  and `:predicted_NAME`, the value that NAME will have `:horizon` rows later; nil where nothing
  was known yet. For classes the most probable one, and its `:probability`.

      (def network (lnn/create-network {:input-size 1 :hidden-size 4 :output-size 1}))
      (count (lnn/predict network {:inputs [[[0.1] [0.2]] [[0.3] [nil]]]})) ;=> 2"
  [model data & {:as options}]
  (if (forecaster? model)
    (let [{:keys [as] :or {as :vectors}} (options/check :forecaster/predict options)]
      (tables/from-python (runtime/call-on (.-owned ^Forecaster model) "forecast"
                                           (tables/to-python data))
                          as))
    (let [{:keys [batch-size as] :or {batch-size 256 as :vectors}} (options/check :predict options)
          owned (owned-by model)
          part (arrays/described (windows data [:inputs]))]
      (arrays/read-array (runtime/call-on owned "predict" part batch-size) as))))

(defn evaluate
  "How well a network predicts the targets of windows, or a forecaster those of a table: :mse,
  :mae, :r2 and :count for values; :accuracy, :macro-f1, :f1, :confusion and :count for classes.
  A forecaster also says :baseline-mse, of repeating the latest value, or :baseline-accuracy, of
  the commonest class. Arguments are those of [[predict]].

      (def network (lnn/create-network {:input-size 1 :hidden-size 4 :output-size 1}))
      (:count (lnn/evaluate network {:inputs [[[0.1] [0.2]]] :targets [[[0.2] [0.3]]]})) ;=> 2"
  [model data & {:as options}]
  (options/to-clojure
   (if (forecaster? model)
     (do (options/check :forecaster/evaluate options)
         (runtime/call-on (.-owned ^Forecaster model) "evaluate_forecaster"
                          (tables/to-python data)))
     (let [{:keys [batch-size] :or {batch-size 256}} (options/check :evaluate options)
           owned (owned-by model)
           part (arrays/described (windows data [:inputs :targets]))]
       (runtime/call-on owned "evaluate" part batch-size)))))

;; -- streaming ------------------------------------------------------------------------------

(deftype Stream [^Owned owned ^DoubleBuffer sample ^DoubleBuffer outputs as
                 ^AutoCloseable stepper ^AtomicBoolean open]
  AutoCloseable
  (close [this]
    (locking this
      (when (.getAndSet open false)
        (.close stepper)
        (runtime/release! [(.-handle owned)]))))
  Object
  (toString [_] (str "#<Stream of " (.capacity sample) " inputs, " (.capacity outputs) " outputs"
                     (when-not (.get open) ", closed") ">")))

(defmethod print-method Stream [live ^java.io.Writer writer]
  (.write writer (str live)))

(defn stream
  "A live session with a network: one sample in, one output out, the state kept in between. It
  has the parameters of the moment it was opened. Close it when done, best by `with-open`.

    :state  (layers, N) to start from: what [[forward]] returned for one sequence, or
            [[stream-state]]; zeros
    :as     :vectors (default), :double-array or :float-array, of what [[step!]] returns

  Throws `:option-error` when the network is bidirectional and would need the future.

      (def pilot (lnn/create-network {:input-size 2 :hidden-size 8 :output-size 1}))
      (def before (lnn/forward pilot [[0.4 0.0] [0.5 -0.1]] nil {:return-state true}))
      (with-open [live (lnn/stream pilot {:state (:state before)})]
        (lnn/step! live [0.5 -0.1] 0.02))"
  ^AutoCloseable [network & {:as options}]
  (let [{:keys [state as] :or {as :vectors}} (options/check :stream options)
        {:strs [input_size output_size]} (facts-of network)
        sample (arrays/numbers input_size)
        outputs (arrays/numbers output_size)
        handle (call-on network "open_stream" (:description sample) (:description outputs)
                        (arrays/described {:state state}))]
    (Stream. (runtime/own handle) (:buffer sample) (:buffer outputs) as
             (runtime/fast "stream_step") (AtomicBoolean. true))))

(defn- open! [^Stream live]
  (when-not (instance? Stream live)
    (throw (error :dtype-error :live (str "expected a stream, got " (pr-str live))
                  {:expected "a stream"})))
  (when-not (.get ^AtomicBoolean (.-open live))
    (throw (error :option-error :live "the stream is closed" {:expected "an open stream"})))
  live)

(defn step!
  "Feeds one sample to a stream and returns the output.

    sample          (I) numbers, nil or NaN where a feature is missing
    elapsed-time    time since the sample before, at least 0; 1
    time-constants  a number or (N), as for [[forward]]; nil: the learned ones

  After an error the state is as it was before.

      (def pilot (lnn/create-network {:input-size 2 :hidden-size 8 :output-size 1}))
      (with-open [live (lnn/stream pilot)]
        (lnn/step! live [0.5 -0.1])
        (lnn/step! live [0.4 nil] 0.02)
        (count (lnn/step! live (double-array [0.3 0.1]) 0.02 0.5))) ;=> 1"
  ([live sample] (step! live sample 1.0 nil))
  ([live sample elapsed-time] (step! live sample elapsed-time nil))
  ([^Stream live sample elapsed-time time-constants]
   (locking live
     (open! live)
     (arrays/fill-sample! (.-sample live) sample)
     (let [owned (.-owned live)
           elapsed-time (arrays/number :elapsed-time elapsed-time)]
       (if (or (nil? time-constants) (number? time-constants))
         (runtime/call-fast (.-stepper live) owned elapsed-time (some-> time-constants double))
         (runtime/call-on owned "stream_step" elapsed-time
                          (get (arrays/described {:time-constants time-constants})
                               "time_constants"))))
     (arrays/read-sample (.-outputs live) (.-as live)))))

(defn stream-state
  "(layers, N), the state of a stream after its last sample.

      (def pilot (lnn/create-network {:input-size 2 :hidden-size 3 :output-size 1}))
      (with-open [live (lnn/stream pilot)]
        (lnn/stream-state live)) ;=> [[0.0 0.0 0.0]]"
  [^Stream live]
  (locking live
    (arrays/read-array (runtime/call-on (.-owned ^Stream (open! live)) "stream_state") :vectors)))

(defn reset-stream!
  "Puts a stream back to the zero state, and returns it.

      (def pilot (lnn/create-network {:input-size 2 :hidden-size 3 :output-size 1}))
      (with-open [live (lnn/stream pilot)]
        (lnn/step! live [1 2])
        (lnn/stream-state (lnn/reset-stream! live))) ;=> [[0.0 0.0 0.0]]"
  [^Stream live]
  (locking live
    (runtime/call-on (.-owned ^Stream (open! live)) "stream_reset"))
  live)

;; -- a look inside --------------------------------------------------------------------------

(defn trace
  "What one population did while the network ran. Arguments are those of [[forward]], and

    :population which population, counted as in the state; 0
    :synapses  also :activations and :sensory-activations of every synapse; false
    :currents  also :currents and :sensory-currents, of conductance dynamics; false

  Returns {:states (B, T, N) :time-constants (B, T, N)} and what else was asked for, (B, T, E) of
  the recurrent and (B, T, S) of the sensory synapses in the order of [[wiring]]; no B for one
  sequence.

      (def network (lnn/create-network {:input-size 2 :hidden-size 8 :output-size 1}))
      (keys (lnn/trace network [[0.5 -0.1] [0.4 0.0]])) ;=> (:states :time-constants)"
  ([network inputs] (trace network inputs nil))
  ([network inputs time-constants & {:as options}]
   (let [{:keys [population synapses currents as] :or {population 0 as :vectors} :as checked}
         (options/check :trace options)
         fields (cond-> ["states" "time_constants"]
                  synapses (conj "activations" "sensory_activations")
                  currents (conj "currents" "sensory_currents"))
         found (call-on network "trace" (run-arguments inputs time-constants checked)
                        fields population)]
     (into {} (for [field fields]
                [(options/kebab field) (arrays/read-array (found field) as)])))))

(defn effective-time-constants
  "The liquid time constants at each sample, (B, T, N) in the unit of the elapsed time; (T, N)
  for one sequence. Arguments are those of [[trace]].

      (def network (lnn/create-network {:input-size 2 :hidden-size 8 :output-size 1}))
      (count (first (lnn/effective-time-constants network [[0.5 -0.1] [0.4 0.0]]))) ;=> 8"
  ([network inputs] (effective-time-constants network inputs nil))
  ([network inputs time-constants & {:as options}]
   (let [{:keys [population as] :or {population 0 as :vectors} :as checked}
         (options/check :effective-time-constants options)
         found (call-on network "trace" (run-arguments inputs time-constants checked)
                        ["time_constants"] population)]
     (arrays/read-array (found "time_constants") as))))

(defn describe
  "What a network is made of, as a map: :config, every option; :populations, each with its
  :layers, :synapses, :parameters and quantiles of its :time-constants; :parameter-count and
  :size-in-bytes; and the totals :neurons and :synapses.

      (def pilot (lnn/create-network {:input-size 4 :wiring {:type :ncp :inter 12 :command 6 :motor 1}}))
      (:neurons (lnn/describe pilot)) ;=> 19
      (-> (lnn/describe pilot) :populations first :layers) ;=> {:inter 12 :command 6 :motor 1}"
  [network]
  (let [{:keys [populations] :as found} (options/to-clojure (call-on network "describe"))
        total (fn [field] (apply + (mapcat (comp vals field) populations)))]
    (assoc found
           :neurons (total :layers)
           :synapses (+ (total :synapses) (total :sensory-synapses)))))

(defn wiring
  "The synapses of every population, as [[create-network]] takes them: :pre, :post and :polarity
  of the recurrent synapses, :sensory-pre, :sensory-post and :sensory-polarity of those from
  inputs, :layers by name, and the :recipe they grew from.

      (def pilot (lnn/create-network {:input-size 4 :wiring {:type :ncp :inter 12 :command 6 :motor 1}}))
      (-> (lnn/wiring pilot) first :layers :motor) ;=> [0]
      (lnn/create-network {:input-size 4 :wiring (lnn/wiring pilot)})"
  [network]
  (options/to-clojure (call-on network "wiring")))

(defn parameters
  "Every parameter as the equations see it: {:neurons [{:g ... :vleak ...}] :readout {...}}, one
  map a population. `:as` says what the numbers are, see the namespace.

      (def network (lnn/create-network {:input-size 2 :hidden-size 3 :output-size 1}))
      (-> (lnn/parameters network) :readout :bias count) ;=> 1
      (-> (lnn/parameters network) :neurons first keys set (contains? :vleak)) ;=> true"
  [network & {:as options}]
  (let [{:keys [as] :or {as :vectors}} (options/check :parameters options)]
    (reduce-kv (fn [made name described]
                 (let [value (arrays/read-array described as)
                       [part & more] (str/split name #"\.")]
                   (if (= part "readout")
                     (assoc-in made [:readout (options/kebab (first more))] value)
                     (update made :neurons
                             (fn [neurons]
                               (assoc-in (or neurons [])
                                         [(parse-long (first more))
                                          (options/kebab (second more))] value))))))
               {}
               (into (sorted-map) (call-on network "parameters")))))

(defn- parameter-name [& parts]
  (keyword (apply str (map #(if (keyword? %) (name %) %) parts))))

(defn set-parameters!
  "Sets parameters, all of them or some, given as [[parameters]] returns them; when one is
  refused none is changed. Returns the network.

  Throws `:option-error` for an unknown name, `:shape-error` and `:domain-error`.

      (def network (lnn/create-network {:input-size 2 :hidden-size 3 :output-size 1}))
      (lnn/set-parameters! network {:readout {:bias [0.5]}})
      (-> (lnn/parameters network) :readout :bias) ;=> [0.5]"
  [network changed]
  (when-not (map? changed)
    (throw (error :dtype-error :parameters (str "expected a map, got " (pr-str changed))
                  {:expected "a map as `parameters` returns it"})))
  (let [{:keys [neurons readout]} changed]
    (when-let [unknown (first (remove #{:neurons :readout} (keys changed)))]
      (throw (error :option-error unknown "is no part of a network; expected :neurons or :readout"
                    {:expected ":neurons or :readout"})))
    (call-on network "set_parameters"
             (arrays/described
              (into {} (concat
                        (for [[index values] (map-indexed vector neurons), [name value] values]
                          [(parameter-name "neurons." index "." name) value])
                        (for [[name value] readout]
                          [(parameter-name "readout." name) value]))))))
  network)

(defn draw
  "A picture, as a PNG: in a file when there is a `:path`, which is returned, else as a byte
  array for viewers.

    :picture  :wiring (default), :states or :time-constants; the latter two need :inputs and take
              :time-constants and the options of [[forward]] that say how to run
    :population which population; 0
    :path     of the file

      (def pilot (lnn/create-network {:input-size 4 :wiring {:type :ncp :inter 12 :command 6 :motor 1}}))
      (lnn/draw pilot {:path \"wiring.png\"}) ;=> \"wiring.png\"
      (bytes? (lnn/draw pilot {:picture :states :inputs [[0.1 0.2 0.3 0.4] [0.1 0.1 0.1 0.1]]})) ;=> true"
  [network & {:as options}]
  (let [{:keys [picture inputs time-constants population path]
         :or {picture :wiring population 0} :as checked} (options/check :draw options)
        given (when (some? inputs) (run-arguments inputs time-constants checked))
        png (arrays/read-array (call-on network "draw" (options/to-python picture) given population)
                               :bytes)]
    (if path
      (do (with-open [file (io/output-stream (io/file (str path)))]
            (.write file ^bytes png))
          path)
      png)))

;; -- files ----------------------------------------------------------------------------------

(defn save
  "Writes a network, or a forecaster, to a `.lnn` file, which Python reads too; the old file is
  replaced in one step. Returns the path.

    :metadata  plain data kept with a network

      (def network (lnn/create-network {:input-size 2 :hidden-size 3 :output-size 1}))
      (lnn/save network \"small.lnn\" {:metadata {:note \"an example\"}}) ;=> \"small.lnn\""
  [model path & {:as options}]
  (if (forecaster? model)
    (do (options/check :forecaster/save options)
        (runtime/call-on (.-owned ^Forecaster model) "save_forecaster" (str path)))
    (let [{:keys [metadata]} (options/check :save options)]
      (call-on model "save" (str path) (options/plain metadata :metadata))))
  path)

(defn load-network
  "The network in a `.lnn` file, however it was made. `meta` of it has the :metadata it was saved
  with, and :scaling if it was trained on a table. Safe with files from strangers.

  Throws `:model-file-error` when the file is corrupt, hostile or of an unknown version.

      (def network (lnn/create-network {:input-size 2 :hidden-size 3 :output-size 1}))
      (lnn/save network \"small.lnn\" {:metadata {:note \"an example\"}})
      (:metadata (meta (lnn/load-network \"small.lnn\"))) ;=> {:note \"an example\"}"
  [path]
  (introduced (runtime/call "load_network" [(str path)])))

(defn export
  "Writes a network, or a forecaster, for where there is neither Clojure nor Python, into a folder.
  Returns the paths of the files.

    :to            :c (default), one file of C with its header, a `main.c` and a `Makefile` to try
                   it; :onnx; or :html, a page in which the network runs
    :name          what files and functions begin with, default \"network\"
    :elapsed-time  of C, where the time between two samples is always the same
    :numbers       of C, :float32 (default) or :int16

      (def network (lnn/create-network {:input-size 2 :hidden-size 3 :output-size 1}))
      (lnn/export network \"firmware\" {:name \"pilot\"})
      ;=> [\"firmware/pilot.h\" \"firmware/pilot.c\" \"firmware/main.c\" \"firmware/Makefile\"]"
  [model folder & {:as options}]
  (let [given (options/to-python (options/check :export options))]
    (vec (if (forecaster? model)
           (runtime/call-on (.-owned ^Forecaster model) "export_forecaster" (str folder) given)
           (call-on model "export_network" (str folder) given)))))

;; -- conformance ----------------------------------------------------------------------------

(defn conformance
  "Runs the conformance vectors of the specification through this very process: a vector of
  {:name :dtype :passed :error :message}. Without a folder, those of this checkout.

      (every? :passed (lnn/conformance)) ;=> true"
  ([] (conformance (when environment/root (io/file environment/root "spec" "vectors"))))
  ([folder] (mapv options/to-clojure (runtime/call "conformance" [(some-> folder str)]))))
