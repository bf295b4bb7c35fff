(ns liquid-neural-networks.core
  "Liquid neural networks: small recurrent networks of neurons whose time constants change with
  their inputs.

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
  Everything may be called from any thread, also inside the callbacks of trainings. NaN is a
  missing value wherever nil is one.

  Every error is an ex-info whose data has `:type`, and where they apply `:argument`, `:expected`
  and a short `:value`. Types are `:shape-error`, `:dtype-error`, `:domain-error`,
  `:option-error`, `:data-error`, `:model-file-error`, `:missing-dependency-error` (see the
  specification), and `:file-error`, `:python-environment` and `:python-error`. What Python raised
  also has `:python/type`, `:python/message` and `:python/traceback`."
  (:require [clojure.core.protocols :as protocols]
            [clojure.java.io :as io]
            [clojure.string :as str]
            [liquid-neural-networks.arrays :as arrays]
            [liquid-neural-networks.environment :as environment]
            [liquid-neural-networks.errors :refer [error wrong-type]]
            [liquid-neural-networks.memory :refer [with-memory]]
            [liquid-neural-networks.options :as options]
            [liquid-neural-networks.runtime :as runtime]
            [liquid-neural-networks.tables :as tables]
            [liquid-neural-networks.training :as training])
  (:import [clojure.lang ILookup]
           [java.lang AutoCloseable]
           [java.nio DoubleBuffer]
           [java.util.concurrent.atomic AtomicBoolean AtomicLong]))

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
   (let [{:keys [python-executable threads]} (options/check :initialize! [options])
         {:keys [executable]} (runtime/initialize! (some-> python-executable str))]
     (when threads (runtime/call "set_threads" [threads]))
     (assoc (options/to-clojure (runtime/call "version" [])) :python-executable executable))))

;; -- networks -------------------------------------------------------------------------------

;; Networks and forecasters are maps, and streams implement interfaces of Clojure's own: loading
;; this namespace anew leaves those that live as they are.

(defn- printed-as!
  "Has values whose metadata has this :type print as `summary` says."
  [type summary]
  (.addMethod ^clojure.lang.MultiFn print-method type
              (fn [value ^java.io.Writer writer] (.write writer ^String (summary value)))))

(defn- view [x]
  ((requiring-resolve 'liquid-neural-networks.kindly/view) x))

(defn- shown-as
  "Metadata of a value that prints as `printed-as!` says, that notebooks show as kindly's
  `:kind/fn`, and that is `datafied` for tools that browse."
  [type datafied]
  {:type type :kindly/kind :kind/fn :kindly/options {:kindly/f view}
   `protocols/datafy datafied})

(defn- network-summary
  [{:keys [input-size hidden-size output-size num-layers bidirectional dynamics synapses
           sensory-synapses parameters]}]
  (str "#<LiquidNetwork " input-size " inputs, " hidden-size " neurons"
       (when (< 1 num-layers) (str " in each of " num-layers " layers"))
       (when bidirectional ", both directions")
       ", " output-size " outputs, " (:type dynamics) ", " synapses " + " sensory-synapses
       " synapses, " parameters " parameters>"))

(printed-as! ::network network-summary)

(declare describe parameters wiring)

(defn- network-data
  "What `describe` says, whose counts of parameters and synapses lead to these."
  [network]
  (with-meta (describe network)
    {`protocols/nav (fn [_ key value]
                      (case key
                        :parameter-count (parameters network)
                        :synapses (wiring network)
                        value))}))

(defn network?
  "Whether `x` is a network. It is a map of what it is made of, such as `:input-size` and
  `:synapses`, which prints as one line; `datafy` of it is what [[describe]] says, and `nav` leads
  on to its parameters and wiring. Two are `=` when they are the same one, as training changes
  what is inside: compare what [[parameters]] and [[wiring]] return.

      (lnn/network? (lnn/create-network {:input-size 1 :hidden-size 4 :output-size 1})) ;=> true"
  [x]
  (and (map? x) (contains? x ::network)))

(defn- owned-by [network]
  (when-not (network? network)
    (throw (wrong-type :network "a network" network)))
  (::network network))

(defn- call-on
  "Calls a function of interop on a network."
  [network function & arguments]
  (runtime/call-on (owned-by network) function arguments))

(defn- introduced
  "The network that Python described."
  [{:strs [handle scaling metadata] :as facts}]
  (with-meta (assoc (options/to-clojure (dissoc facts "handle" "scaling" "metadata"))
                    ::network (runtime/own handle))
    (cond-> (shown-as ::network network-data)
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
  (let [{:keys [dtype] :as checked} (options/check :create-network [options])]
    (introduced
     (runtime/call "create_network" [(options/to-python (dissoc checked :dtype))
                                     (options/to-python (or dtype :float32))]))))

(defn- run-options
  "The options of a run, if they are where they belong."
  [verb time-constants options]
  (when (keyword? time-constants)
    (throw (error :dtype-error :time-constants
                  (str "expected numbers, got " time-constants
                       "; options come after the time constants, which may be nil")
                  {:expected "numbers" :value time-constants})))
  (options/check verb options))

(defn- run-arguments
  "What a run through a network is given, described for Python."
  [inputs time-constants options]
  (when (nil? inputs)
    (throw (wrong-type :inputs "numbers in vectors, arrays or a tensor" nil)))
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
    :dropout        drop values at random, as in training; false, while it is trained too
    :as             :vectors, :double-array, :float-array, :array or :tensor

  Options may be given as a map or one by one. Returns (B, T, O), or (T, O) for one sequence.

      (def network (lnn/create-network {:input-size 2 :hidden-size 8 :output-size 1}))
      (lnn/forward network [[0.5 -0.1] [0.4 nil] [0.3 0.2]])
      (lnn/forward network [[0.5 -0.1] [0.4 0.0]] 0.7 :elapsed-time [0.1 0.3])
      (lnn/forward network (float-array 640) nil {:as :float-array}) ; throws: it has no shape
      (lnn/forward network {:data (float-array 640) :shape [4 80 2]} nil {:as :float-array})"
  ([network inputs] (forward network inputs nil))
  ([network inputs time-constants & options]
   (let [{:keys [return-state dropout as] :or {as :vectors} :as checked}
         (run-options :forward time-constants options)]
     (with-memory
       (let [{:strs [outputs state]} (call-on network "forward"
                                              (run-arguments inputs time-constants checked)
                                              (boolean return-state) (boolean dropout))
             outputs (arrays/read-array outputs as)]
         (if return-state
           {:outputs outputs :state (arrays/read-array state as)}
           outputs))))))

;; -- training -------------------------------------------------------------------------------

(defn- windows
  "Checks that `data` has what every use of windows needs."
  [data needed]
  (when-not (map? data)
    (throw (wrong-type :data "a map with :inputs and :targets" data)))
  (doseq [key needed]
    (when (nil? (data key))
      (throw (error :option-error key "is missing from the data" {:expected "windows"}))))
  (doseq [key (keys data) :when (not (#{:inputs :targets :elapsed-time :mask} key))]
    (throw (error :option-error key "windows have :inputs, :targets, :elapsed-time and :mask"
                  {:expected ":inputs, :targets, :elapsed-time or :mask"})))
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
                    return :stop to stop. It may do anything, on this thread and others, and
                    [[forward]] shows how far the network is. What it throws stops the training
                    and is thrown here
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
  [network data & options]
  (training/train! (owned-by network)
                   (windows data [:inputs :targets])
                   (options/check :train! options)))

(defn epochs
  "The history of a training as tidy rows, one an epoch: :epoch, :train-loss, and :valid-loss if
  there was any.

    :as  :rows (default) or :dataset, of tech.ml.dataset if it is there

      (lnn/epochs {:train-loss [0.5 0.25] :valid-loss []})
      ;; returns [{:epoch 1 :train-loss 0.5} {:epoch 2 :train-loss 0.25}]"
  [{:keys [train-loss valid-loss]} & options]
  (let [{:keys [as] :or {as :rows}} (options/check :epochs options)]
    (tables/from-rows
     (vec (map-indexed (fn [index loss]
                         (cond-> (array-map :epoch (inc index) :train-loss loss)
                           (seq valid-loss) (assoc :valid-loss (nth valid-loss index))))
                       train-loss))
     as)))

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
  [task & options]
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

    :as  :vectors (default); :double-array or :float-array, of columns of numbers, where NaN is a
         missing one; :rows, a vector of maps; or :dataset, of tech.ml.dataset if it is there

  Throws `:data-error` when the file is not there, of another kind, damaged or empty.

      (spit \"room.csv\" \"time,co2\\n2024-05-01 10:00:00,415.5\\n2024-05-01 10:05:00,\\n\")
      (:co2 (lnn/read-table \"room.csv\")) ;=> [415.5 nil]
      (str (first (:time (lnn/read-table \"room.csv\")))) ;=> \"2024-05-01T10:00\"
      (map :co2 (lnn/read-table \"room.csv\" :as :rows)) ;=> [415.5 nil]"
  [path & options]
  (options/check-value :path ::options/a-path path)
  (let [{:keys [as] :or {as :vectors}} (options/check :read-table options)]
    (tables/from-python (runtime/call "read_table" [(str path)] (tables/names path)) as)))

(defn- forecaster-summary [{:keys [network columns horizon]}]
  (str "#<Forecaster of " (str/join ", " (:targets columns)) ", " horizon
       (if (= 1 horizon) " row" " rows") " ahead: " network ">"))

(printed-as! ::forecaster forecaster-summary)

(defn- forecaster-data
  "What can be asked of it, the network among it."
  [forecaster]
  (with-meta (dissoc forecaster ::forecaster) nil))

(defn forecaster?
  "Whether `x` is a forecaster, as [[fit-table]] returns it.

      (lnn/forecaster? {}) ;=> false"
  [x]
  (and (map? x) (contains? x ::forecaster)))

(defn- introduced-forecaster
  "The forecaster that Python described."
  [{:strs [handle network] :as facts}]
  (with-meta (-> (options/to-clojure (dissoc facts "handle" "network" "history"))
                 (assoc :network (introduced network)
                        :history (get facts "history")
                        ::forecaster (runtime/own handle)))
    (shown-as ::forecaster forecaster-data)))

(defn fit-table
  "Trains a network on a table, one row a sample in order of time, and returns a forecaster: the
  network with all it takes to read the next table the same way. The oldest rows train, the next
  choose the best epoch, the newest measure the result. Numbers are scaled by what the training
  rows say; an empty cell is a missing value.

    table    path of a CSV, TSV or Parquet file; a map of columns; a sequence of maps, one a row;
             or a data set of tech.ml.dataset or tablecloth. Columns hold numbers in a vector or
             an array, times of java.time or java.sql, text, booleans; nil where missing
    targets  the column to predict, or several

    :features   columns to feed, in this order; all numeric ones, the past of the targets
                included, as the file or the data set has them, those of maps in the order of
                their names
    :time       column of times, or several with a part each; the steps between them reach the
                network as elapsed time
    :group      column that tells several series in the table apart
    :time-format, :sort, :duplicates, :calendar, :categories, :split, :label-per-group
                as for Python's fit_table
    :horizon    rows ahead; 1, and 0 for classes
    :path       whether every row up to the horizon is predicted; false
    :classes    whether the target is a class; if it holds text, booleans or two whole numbers
    :baseline   the simple forecast whose errors are learned, so that a network that knows nothing
                repeats it: :latest, :last-day, :last-week, :last-year, :linear, or :none; the best
                one on the validation rows
    :loss       of values: :mse, :mae, :huber or :quantile; :mse
    :quantiles  levels between 0 and 1 to predict rather than one value
    :balance    whether every class counts the same, however rare; false
    :seeds      networks to train, of which the best in validation is kept; 1
    :window, :stride  rows of a training window, and from one to the next; 32 and half of it
    :valid, :test     fractions of the rows; 0.15 each
    :patience   stop after so many epochs without a better one; 20
    :hidden-size (32), :wiring, :dynamics, :solver, :unfolds, :mixed-memory
                as for [[create-network]]
    :epochs, :batch-size, :learning-rate, :schedule, :max-gradient-norm, :seed, :on-epoch,
    :checkpoint, :resume, :progress
                as for [[train!]]; the seed is also that of the initial parameters

  Of a forecaster, `(:network f)`, `(:columns f)`, `(:horizon f)`, `(:path f)`, `(:baseline f)`, `(:history f)`
  as [[train!]] returns it, and `(:test f)` can be asked: what [[evaluate]] says of the newest rows.

  Throws `:data-error` naming the column, or the table, that cannot be used.

      (def table {:time (range 300) :wave (mapv #(Math/sin (/ % 3)) (range 300))})
      (def forecaster (lnn/fit-table table :wave {:time :time :hidden-size 8 :epochs 20 :progress false}))
      (< (:mse (:test forecaster)) (-> forecaster :test :baselines :latest :mse)) ;=> true
      (keys (lnn/predict forecaster table)) ;=> (:time :made_at :predicted_wave)"
  [table targets & options]
  (options/check-value :targets ::options/column-or-columns targets)
  (introduced-forecaster (training/fit-table table targets (options/check :fit-table options))))

(defn load-forecaster
  "The forecaster in a `.lnn` file that [[save]], Python or `lnn train` wrote.

  Throws `:model-file-error` when the file is damaged, or its network was not trained on a table,
  `:file-error` when it cannot be read.

      (def table {:wave (mapv #(Math/sin (/ % 3)) (range 300))})
      (lnn/save (lnn/fit-table table :wave {:epochs 1 :progress false}) \"wave.lnn\")
      (:horizon (lnn/load-forecaster \"wave.lnn\")) ;=> 1"
  [path]
  (options/check-value :path ::options/a-path path)
  (introduced-forecaster (update (runtime/call "load_forecaster" [(str path)])
                                 "history" options/to-clojure)))

(defn- call-on-table
  "Calls a function of interop on a forecaster, a table and what else it takes."
  [forecaster function table & others]
  (runtime/call-on (::forecaster forecaster) function (into [(tables/to-python table)] others)
                   (tables/names table)))

(defn predict
  "A network's outputs for windows, a batch at a time; or a forecaster's forecasts for a table.

    data         of a network: as for [[train!]], :targets not needed
                 of a forecaster: a table as for [[fit-table]], the targets needed only where
                 they are fed
    :batch-size  windows at a time; only memory depends on it; 256. Not for forecasters
    :latest      of a forecaster: only what is predicted at the newest row of each series
    :state       of a forecaster: a file in which the state is carried from table to table
    :as          see the namespace; of a forecaster as for [[read-table]]

  A forecaster returns columns with one row for each of the table: the time that the forecast is
  for (or its `:row`, counted from 1), `:made_at`, the time it was made at, and `:predicted_NAME`,
  the value that NAME will have then; nil where nothing was known yet. Quantiles are
  `:predicted_NAME_q10` and so on. For classes the most probable one, its `:probability`, and
  `:probability_LABEL` of each.

      (def network (lnn/create-network {:input-size 1 :hidden-size 4 :output-size 1}))
      (count (lnn/predict network {:inputs [[[0.1] [0.2]] [[0.3] [nil]]]})) ;=> 2"
  [model data & options]
  (with-memory
    (if (forecaster? model)
      (let [{:keys [as latest state] :or {as :vectors latest false}}
            (options/check :forecaster/predict options)]
        (tables/from-python (call-on-table model "forecast" data latest (some-> state str)) as))
      (let [{:keys [batch-size as] :or {batch-size 256 as :vectors}}
            (options/check :predict options)
            owned (owned-by model)
            part (arrays/described (windows data [:inputs]))]
        (arrays/read-array (runtime/call-on owned "predict" [part batch-size]) as)))))

(defn evaluate
  "How well a network predicts the targets of windows, or a forecaster those of a table: :mse,
  :mae, :r2 and :count for values; :accuracy, :macro-f1, :f1, :confusion and :count for classes.
  A forecaster also says what simple forecasts reach, as `:baselines`: a map of `:latest`,
  `:last-week`, `:linear`, `:commonest` and the like to their `:mse` and `:mae`, or `:accuracy` and
  `:macro-f1`. Arguments are those of [[predict]].

      (def network (lnn/create-network {:input-size 1 :hidden-size 4 :output-size 1}))
      (:count (lnn/evaluate network {:inputs [[[0.1] [0.2]]] :targets [[[0.2] [0.3]]]})) ;=> 2"
  [model data & options]
  (options/to-clojure
   (with-memory
     (if (forecaster? model)
       (do (options/check :forecaster/evaluate options)
           (call-on-table model "evaluate_forecaster" data))
       (let [{:keys [batch-size] :or {batch-size 256}} (options/check :evaluate options)
             owned (owned-by model)
             part (arrays/described (windows data [:inputs :targets]))]
         (runtime/call-on owned "evaluate" [part batch-size]))))))

;; -- streaming ------------------------------------------------------------------------------

(defn- closed! [^AtomicLong owned ^AtomicBoolean open]
  (when (.getAndSet open false)
    (runtime/abandon! (.get owned))))

(defn- live-session
  "A stream: something to close, that is asked for its parts by keywords."
  [kind owned ^DoubleBuffer sample ^DoubleBuffer outputs as stepper
   {:keys [teacher lesson classes]} ^AtomicBoolean open]
  (with-meta
    (reify
      AutoCloseable
      (close [this] (locking this (closed! owned open)))
      ILookup
      (valAt [_ key]
        (case key
          :owned owned, :sample sample, :outputs outputs, :as as, :stepper stepper, :open open
          :kind kind, :teacher teacher, :lesson lesson, :classes classes
          nil))
      (valAt [this key other] (let [found (.valAt this key)] (if (nil? found) other found)))
      Object
      (toString [_]
        (str "#<" kind " of " (- (.capacity sample) 2) " inputs, " (.capacity outputs) " outputs"
             (when-not (.get open) ", closed") ">")))
    {:type ::stream}))

(printed-as! ::stream str)

(defn- lesson
  "What a learner needs to be taught through memory: the target, the delay and the loss."
  [owned output-size classes]
  (let [{:keys [buffer description]} (arrays/numbers (+ 2 (long output-size)))]
    {:teacher (runtime/c-function owned "teacher" description)
     :lesson buffer
     :classes classes}))

(defn- open-session
  "A stream that a function of interop opens; `given` is called for its last argument. One that learns
  is `:taught` values or `:classes`."
  [kind network as function taught given]
  (let [{:keys [input-size output-size]} network
        owner (owned-by network)
        sample (arrays/numbers (+ 2 (long input-size)))
        outputs (arrays/numbers output-size)
        owned (runtime/own
               (with-memory
                 (runtime/call-on owner function
                                  [(:description sample) (:description outputs) (given)])))]
    (live-session kind owned (:buffer sample) (:buffer outputs) as
                  (runtime/c-function owned "stepper")
                  (when taught (lesson owned output-size (= taught :classes)))
                  (AtomicBoolean. true))))

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
  ^AutoCloseable [network & options]
  (let [{:keys [state as] :or {as :vectors}} (options/check :stream options)]
    (open-session "Stream" network as "open_stream" nil #(arrays/described {:state state}))))

(defn- open!
  "A stream that is open."
  [live]
  (when-not (and (instance? ILookup live) (:stepper live))
    (throw (wrong-type :live "a stream" live)))
  (when-not (.get ^AtomicBoolean (:open live))
    (throw (error :option-error :live "the stream is closed" {:expected "an open stream"})))
  live)

(defn- step-with-constants!
  "A step whose time constants are not one number."
  [live elapsed-time time-constants]
  (with-memory
    (runtime/call-on (:owned live) "stream_step"
                     [elapsed-time
                      (get (arrays/described {:time-constants time-constants})
                           "time_constants")])))

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
  ([live sample elapsed-time time-constants]
   (locking live
     (open! live)
     (arrays/fill-sample! (:sample live) sample :sample)
     (let [elapsed-time (double (arrays/number :elapsed-time elapsed-time))
           owned (:owned live)]
       (if (or (nil? time-constants)
               (and (number? time-constants) (not (Double/isNaN (double time-constants)))))
         (do (arrays/set-time! (:sample live) elapsed-time (double (or time-constants Double/NaN)))
             (runtime/run (:stepper live) owned))
         (step-with-constants! live elapsed-time time-constants)))
     (arrays/read-sample (:outputs live) (:as live)))))

(defn stream-state
  "(layers, N), the state of a stream after its last sample.

      (def pilot (lnn/create-network {:input-size 2 :hidden-size 3 :output-size 1}))
      (with-open [live (lnn/stream pilot)]
        (lnn/stream-state live)) ;=> [[0.0 0.0 0.0]]"
  [live]
  (locking live
    (arrays/read-array (runtime/call-on (:owned (open! live)) "stream_state" []) :vectors)))

(defn reset-stream!
  "Puts a stream back to the zero state, and returns it.

      (def pilot (lnn/create-network {:input-size 2 :hidden-size 3 :output-size 1}))
      (with-open [live (lnn/stream pilot)]
        (lnn/step! live [1 2])
        (lnn/stream-state (lnn/reset-stream! live))) ;=> [[0.0 0.0 0.0]]"
  [live]
  (locking live
    (runtime/call-on (:owned (open! live)) "stream_reset" []))
  live)

;; -- learning while running -----------------------------------------------------------------

(defn learner
  "A live session whose weights follow its samples: a [[stream]] that [[learn!]] teaches. What takes
  a stream takes it too: [[step!]], [[stream-state]], [[reset-stream!]]. The network stays as it
  is until [[commit!]]. Close it when done, best by `with-open`.

    :method        :exact, :snap2, :snap1, :window or :readout; :auto, by cost
    :optimizer     :rmsprop (default), :adam or :sgd; for :readout also :least-squares
    :learning-rate 0.001
    :max-gradient-norm longer gradients are shortened to it; 1.0
    :loss          :mse (default), :mae, :huber, or :cross-entropy of a class
    :max-delay     how many samples late a label may come; 0
    :window        samples that :window looks back on; 16
    :as            as for [[stream]]

      (def pilot (lnn/create-network {:input-size 2 :hidden-size 8 :output-size 1}))
      (with-open [live (lnn/learner pilot {:method :exact})]
        (lnn/step! live [0.5 -0.1])
        (lnn/learn! live 0.2)
        (:updates (lnn/about-learner live))) ;=> 1"
  ^AutoCloseable [network & options]
  (let [{:keys [as loss] :or {as :vectors} :as checked} (options/check :learner options)
        taught (if (= "cross_entropy" (some-> loss options/snake)) :classes :values)]
    (open-session "Learner" network as "open_learner" taught
                  #(options/to-python (dissoc checked :as)))))

(defn guarded
  "A [[learner]] for raw streams, which may be anything: samples and targets are scaled by what came
  so far, and it is watched. Outputs are a weighted mean of its own and those of a shadow beside it;
  over any stream, their absolute errors, in spreads of the target, add up to at most `:bound`
  more than the shadow's, see [[about-learner]].

    :learner  options of the learner within, as for [[learner]]; a :loss of values
    :scale    scale samples and targets; true
    :warm-up  targets to be known before anything is learned; until then outputs are the shadow's;
              50
    :skip     learn a linear map of the inputs beside the network: :gradient (default),
              :least-squares or :none
    :changes  the network says by how much the target changes from the last one known; false
    :shadow   :last-value (default), of the target, or :frozen, the network as it is now
    :limit    spreads by which the learner's output may differ from the shadow's; 4.0
    :window   samples after which weights that did worse than the shadow go back to those that did
              better; 500
    :as       as for [[stream]]

  Source of the weighting: Sani, Neu and Lazaric, Exploiting easy data in online optimization,
  NeurIPS 2014.

      (def pilot (lnn/create-network {:input-size 2 :hidden-size 8 :output-size 1}))
      (with-open [live (lnn/guarded pilot {:warm-up 2 :learner {:method :exact}})]
        (doseq [reading [20.5 20.7 21.0 20.9]]
          (lnn/step! live [reading 0.3])
          (lnn/learn! live (+ reading 0.1)))
        (:samples (:scores (lnn/about-learner live)))) ;=> 2"
  ^AutoCloseable [network & options]
  (let [{:keys [as] :or {as :vectors} :as checked} (options/check :guarded options)
        within (options/check :guarded/learner [(:learner checked)])]
    (open-session "Guarded" network as "open_guarded" :values
                  #(options/to-python (assoc (dissoc checked :as) :learner within)))))

(defn- open-learner! [live]
  (when-not (and (instance? ILookup live) (:teacher live))
    (throw (wrong-type :live "a learner" live)))
  (open! live))

(defn- teach!
  "A lesson for which nothing has to cross but what lies in memory: the target, the delay and the
  loss."
  [live target delay]
  (let [^DoubleBuffer lesson (:lesson live)
        outputs (- (.capacity lesson) 2)]
    (if (number? target)
      (.put lesson 0 (double target))
      (arrays/fill-sample! lesson target :target))
    (.put lesson outputs (double delay))
    (runtime/run (:teacher live) (:owned live))
    (let [loss (.get lesson (inc outputs))]
      (when-not (Double/isNaN loss) loss))))

(defn- teach-at-length!
  "The same for a target that is no lesson of this learner's, for the error."
  [live target delay]
  (with-memory
    (runtime/call-on (:owned live) "learner_learn"
                     [(get (arrays/described {:target target}) "target") delay])))

(defn learn!
  "Moves the weights of a learner by what an output should have been; the state stays. Returns the
  loss of that output, or nil if the weights did not move.

    target  (O) numbers, or one for a single output, NaN where not known; nil: nothing is known;
            for :cross-entropy the number of a class

    :delay  how many samples ago the output was made, up to the learner's :max-delay; 0

      (def pilot (lnn/create-network {:input-size 2 :hidden-size 8 :output-size 1}))
      (with-open [live (lnn/learner pilot {:max-delay 3})]
        (dotimes [_ 4] (lnn/step! live [0.5 -0.1]))
        (number? (lnn/learn! live [0.2] {:delay 3}))) ;=> true"
  [live target & options]
  (let [{:keys [delay] :or {delay 0}} (options/check :learn! options)]
    (locking live
      (open-learner! live)
      (when (some? target)
        (if (or (= (number? target) (:classes live))
                (and (number? target) (= 1 (.capacity ^DoubleBuffer (:outputs live)))))
          (teach! live target delay)
          (teach-at-length! live target delay))))))

(defn- call-ahead
  "What a function of no arguments returns; samples that it fed to a learner are forgotten."
  [live f]
  (locking live
    (let [owned (:owned (open-learner! live))]
      (runtime/call-on owned "learner_lookahead" [true])
      (try
        (f)
        (finally (runtime/call-on owned "learner_lookahead" [false]))))))

(defmacro with-lookahead
  "What if: samples that `body` feeds to a learner are forgotten at its end, and nothing can be
  learned meanwhile. For forecasts of several steps, or to ask what the output would be.

      (def pilot (lnn/create-network {:input-size 1 :hidden-size 8 :output-size 1}))
      (with-open [live (lnn/learner pilot)]
        (= (lnn/with-lookahead live (lnn/step! live [0.5]))
           (lnn/step! live [0.5]))) ;=> true"
  [live & body]
  `(#'call-ahead ~live (fn [] ~@body)))

(defn assume!
  "Within [[with-lookahead]], of a [[guarded]] learner: takes a target as come true and learns nothing
  from it, so that the next output starts from there. Returns the learner.

    target  (O) numbers, or one for a single output

      (def pilot (lnn/create-network {:input-size 1 :hidden-size 8 :output-size 1}))
      (with-open [live (lnn/guarded pilot {:changes true})]
        (lnn/with-lookahead live
          (let [now (first (lnn/step! live [0.5]))]
            (count (lnn/step! (lnn/assume! live now) [0.5]))))) ;=> 1"
  [live target]
  (locking live
    (with-memory
      (runtime/call-on (:owned (open-learner! live)) "learner_assume"
                       [(get (arrays/described {:target target}) "target")])))
  live)

(defn about-learner
  "What a learner says of itself: `:method`, the `:reason` why it is this one, `:samples` that came,
  `:updates` of the weights, and `:events`, what it did on its own. One that is [[guarded]] also says
  its `:share` of the next output, the `:scores` so far, which are the summed errors of `:shadow`
  and how much larger those of its own (`:learner`) and of the outputs (`:output`) were, and the
  `:bound` of the latter.

      (def pilot (lnn/create-network {:input-size 2 :hidden-size 8 :output-size 1}))
      (with-open [live (lnn/learner pilot {:method :snap1})]
        (:method (lnn/about-learner live))) ;=> :snap1"
  [live]
  (locking live
    (-> (runtime/call-on (:owned (open-learner! live)) "learner_about" [])
        options/to-clojure
        (update :method options/kebab))))

(defn commit!
  "Writes what a learner has learned into the network it was made from, and returns the learner.

      (def pilot (lnn/create-network {:input-size 2 :hidden-size 8 :output-size 1}))
      (with-open [live (lnn/learner pilot)]
        (lnn/step! live [0.5 -0.1])
        (lnn/learn! live 0.2)
        (lnn/commit! live))"
  [live]
  (locking live
    (runtime/call-on (:owned (open-learner! live)) "learner_commit" []))
  live)

(defn snapshot
  "All a learner needs to go on, as a byte array: weights, state, sensitivities, optimiser. See
  [[restore!]].

      (def pilot (lnn/create-network {:input-size 2 :hidden-size 8 :output-size 1}))
      (with-open [live (lnn/learner pilot)]
        (bytes? (lnn/snapshot live))) ;=> true"
  ^bytes [live]
  (locking live
    (arrays/read-array (runtime/call-on (:owned (open-learner! live)) "learner_snapshot" [])
                       :bytes)))

(defn restore!
  "Puts a learner where a [[snapshot]] was taken, of one with the same options on the same network,
  and returns it.

      (def pilot (lnn/create-network {:input-size 2 :hidden-size 8 :output-size 1}))
      (with-open [live (lnn/learner pilot)]
        (let [before (lnn/snapshot live)]
          (lnn/step! live [0.5 -0.1])
          (:samples (lnn/about-learner (lnn/restore! live before))))) ;=> 0"
  [live ^bytes snapshot]
  (when-not (bytes? snapshot)
    (throw (wrong-type :snapshot "a byte array" snapshot)))
  (locking live
    (runtime/call-on (:owned (open-learner! live)) "learner_restore"
                     [(.encodeToString (java.util.Base64/getEncoder) snapshot)]))
  live)

;; -- a look inside --------------------------------------------------------------------------

(defn- rows-of-sequence
  "Arrays of (T, N), by name, as maps: one for each neuron or synapse at each sample."
  [arrays]
  (for [sample (range (count (val (first arrays))))
        :let [at-sample (update-vals arrays #(nth % sample))]
        index (range (apply max (map count (vals at-sample))))]
    (into (array-map :sample sample :index index)
          (for [name (keys arrays)                          ; in their order
                :let [values (at-sample name)]
                :when (< index (count values))]
            [name (nth values index)]))))

(defn- rows-of-trace
  "The same of several sequences, (B, T, N), or of one."
  [arrays]
  (let [batch (val (first arrays))]
    (vec (if (vector? (ffirst batch))
           (for [sequence (range (count batch))
                 row (rows-of-sequence (into (array-map) (map (fn [[name values]]
                                                                [name (nth values sequence)]))
                                             arrays))]
             (into (array-map :sequence sequence) row))
           (rows-of-sequence arrays)))))

(defn trace
  "What one population did while the network ran. Arguments are those of [[forward]], and

    :population which population, counted as in the state; 0
    :synapses  also :activations and :sensory-activations of every synapse; false
    :currents  also :currents and :sensory-currents, of conductance dynamics; false
    :as        as for [[forward]]; or :rows or :dataset, a row for each neuron at each sample:
               :sample, :index (of the neuron, and of the synapse where those are asked for),
               :sequence of several, and the values

  Returns {:states (B, T, N) :time-constants (B, T, N)} and what else was asked for, (B, T, E) of
  the recurrent and (B, T, S) of the sensory synapses in the order of [[wiring]]; no B for one
  sequence.

      (def network (lnn/create-network {:input-size 2 :hidden-size 8 :output-size 1}))
      (keys (lnn/trace network [[0.5 -0.1] [0.4 0.0]])) ;=> (:states :time-constants)
      (count (lnn/trace network [[0.5 -0.1] [0.4 0.0]] nil {:as :rows})) ;=> 16"
  ([network inputs] (trace network inputs nil))
  ([network inputs time-constants & options]
   (let [{:keys [population synapses currents as] :or {population 0 as :vectors} :as checked}
         (run-options :trace time-constants options)
         table? (contains? #{:rows :dataset} as)
         fields (cond-> ["states" "time_constants"]
                  synapses (conj "activations" "sensory_activations")
                  currents (conj "currents" "sensory_currents"))
         arrays (with-memory
                  (let [found (call-on network "trace"
                                       (run-arguments inputs time-constants checked)
                                       fields population)]
                    (into (array-map)
                          (for [field fields]
                            [(options/kebab field)
                             (arrays/read-array (found field) (if table? :vectors as))]))))]
     (if table?
       (tables/from-rows (rows-of-trace arrays) as)
       arrays))))

(defn effective-time-constants
  "The liquid time constants at each sample, (B, T, N) in the unit of the elapsed time; (T, N)
  for one sequence. Arguments are those of [[trace]].

      (def network (lnn/create-network {:input-size 2 :hidden-size 8 :output-size 1}))
      (count (first (lnn/effective-time-constants network [[0.5 -0.1] [0.4 0.0]]))) ;=> 8"
  ([network inputs] (effective-time-constants network inputs nil))
  ([network inputs time-constants & options]
   (let [{:keys [population as] :or {population 0 as :vectors} :as checked}
         (run-options :effective-time-constants time-constants options)]
     (with-memory
       (arrays/read-array (get (call-on network "trace" (run-arguments inputs time-constants checked)
                                        ["time_constants"] population)
                               "time_constants")
                          as)))))

(defn wiring
  "The synapses of every population, as [[create-network]] takes them: :pre, :post and :polarity
  of the recurrent synapses, :sensory-pre, :sensory-post and :sensory-polarity of those from
  inputs, :layers by name, and the :recipe they grew from.

      (def pilot (lnn/create-network {:input-size 4 :wiring {:type :ncp :inter 12 :command 6 :motor 1}}))
      (-> (lnn/wiring pilot) first :layers :motor) ;=> [0]
      (lnn/create-network {:input-size 4 :wiring (lnn/wiring pilot)})"
  [network]
  (options/to-clojure (call-on network "wiring")))

(defn- population-rows
  "What describes populations, as a map of numbers for each."
  [populations]
  (let [total (fn [counts] (reduce + (vals counts)))]
    (vec (map-indexed
          (fn [index {:keys [inputs layers synapses sensory-synapses parameters time-constants]}]
            (into (array-map :population index
                             :inputs inputs
                             :neurons (total layers)
                             :synapses (total synapses)
                             :sensory-synapses (total sensory-synapses)
                             :parameters (total parameters))
                  time-constants))
          populations))))

(defn describe
  "What a network is made of, as a map: :config, every option, its wirings and dtype included, of
  which [[create-network]] makes one alike; :populations, each with its :layers, :synapses,
  :parameters and quantiles of its :time-constants; :parameter-count and :size-in-bytes; and the
  totals :neurons and :synapses.

    :as  :rows or :dataset, a row for each population: its sizes and time constants; a map

      (def pilot (lnn/create-network {:input-size 4 :wiring {:type :ncp :inter 12 :command 6 :motor 1}}))
      (:neurons (lnn/describe pilot)) ;=> 19
      (-> (lnn/describe pilot) :populations first :layers) ;=> {:inter 12 :command 6 :motor 1}
      (str (lnn/create-network (:config (lnn/describe pilot)))) ; the same as (str pilot)
      (map :neurons (lnn/describe pilot :as :rows)) ;=> (19)"
  [network & options]
  (let [{:keys [as]} (options/check :describe options)
        {:keys [populations] :as found} (options/to-clojure (call-on network "describe"))
        total (fn [field] (apply + (mapcat (comp vals field) populations)))]
    (if as
      (tables/from-rows (population-rows populations) as)
      (-> found
          (update :config assoc :wiring (wiring network) :dtype (:dtype network))
          (assoc :neurons (total :layers)
                 :synapses (+ (total :synapses) (total :sensory-synapses)))))))

;; -- why ------------------------------------------------------------------------------------

(defn attribute
  "What made an output: which inputs, when, through which synapses and neurons. The parts of each
  cut sum to (output - baseline-output), to within the tolerance: :inputs; :synapses with
  :past-synapses; and at every sample t the :neurons after it (with :memory, if there is one)
  together with the :inputs after t.

    inputs, :time-constants, :elapsed-time, :mask, :state  as for [[forward]]
    :output     what is explained: the index of an output, or [a b] for output a minus output b; 0
    :baseline   what inputs are compared with: a number, (I), (T, I) or like the inputs; 0
    :at         the sample whose output is explained; the last
    :tolerance  by which sums may be off; 1e-6
    :as         see the namespace

  Returns {:inputs (B, T, I) :synapses (B, T, S) :past-synapses (B, T, I) :neurons (B, T, N)
  :recurrent (B, T, E) :memory :output (B) :baseline-output (B) :error (B) :uncertainty (B) :runs},
  synapses in the order of [[wiring]]; no B for one sequence.

      (def network (lnn/create-network {:input-size 2 :hidden-size 8 :output-size 1 :seed 1}))
      (def found (lnn/attribute network [[0.5 -0.1] [0.4 0.0]] :output 0))
      (map count ((juxt :inputs :neurons) found)) ;=> (2 2)
      (< (abs (- (reduce + (flatten (:inputs found))) (- (:output found) (:baseline-output found)))) 1e-6) ;=> true"
  [network inputs & options]
  (let [{:keys [output time-constants baseline as] :or {output 0 as :vectors} :as checked}
        (options/check :attribute options)]
    (with-memory
      (let [given (merge (run-arguments inputs time-constants checked)
                         (arrays/described {:baseline baseline}))
            found (call-on network "attribute" given
                           (if (sequential? output) (vec output) output)
                           (options/to-python (select-keys checked [:at :tolerance])))]
        (into (array-map)
              (for [[field value] found]
                [(options/kebab field)
                 (if (map? value) (arrays/read-array value as) value)]))))))

(defn- said-briefly
  "What a function of the core says of runs: a map of plain data."
  [name network inputs {:keys [time-constants] :as checked}]
  (with-memory
    (let [given (run-arguments inputs time-constants checked)
          asked (dissoc checked :time-constants :elapsed-time :mask :state)]
      (into (array-map)
            (map (fn [[field value]] [(options/kebab field) value]))
            (call-on network name given (options/to-python asked))))))

(defn rules
  "A small decision tree of inputs and states that says best what an output or a neuron does; needs
  scikit-learn.

    inputs, :time-constants, :elapsed-time, :mask, :state  as for [[forward]]
    :output    the index of an output, or :class, the largest one; 0
    :neuron    of the first layer, in place of an output
    :depth     questions to an answer, at most; 3
    :ask       about :inputs, :states or both; [:inputs :states]
    :names     of the inputs; \"input 0\" and so on
    :held-out  the share of sequences (of one: of samples) to try it on; 0.3
    :seed      of the choice of those; 0

  Returns {:text :names :asked :fidelity :training-fidelity :leaves}; fidelity is the share of the
  variance (of classes: of the answers) that it gets right on what it has not seen.

      (def network (lnn/create-network {:input-size 2 :hidden-size 4 :output-size 1 :seed 1}))
      (def inputs (repeatedly 6 (fn [] (repeatedly 20 (fn [] [(rand) (rand)])))))
      (<= (:leaves (lnn/rules network inputs :depth 2 :names [\"level\" \"valve\"])) 4) ;=> true"
  [network inputs & options]
  (said-briefly "rules" network inputs (options/check :rules options)))

(defn formula
  "A sum of a few inputs and states that says best what an output or a neuron does; needs
  scikit-learn.

    :terms  at most; 5

  The other options are those of [[rules]], without :depth and :class.

  Returns {:text :names :asked :weights :constant :fidelity :training-fidelity}: what is asked, the
  most telling first, with its weights; and the shares of the variance that are explained on what
  it has not seen, and on what it has.

      (def network (lnn/create-network {:input-size 2 :hidden-size 4 :output-size 1 :seed 1}))
      (def inputs (repeatedly 6 (fn [] (repeatedly 20 (fn [] [(rand) (rand)])))))
      (count (:weights (lnn/formula network inputs :terms 2))) ;=> 2"
  [network inputs & options]
  (said-briefly "formula" network inputs (options/check :formula options)))

(defn ablate
  "A network of its own without some neurons or synapses. Synapses are gone from its wiring; neurons
  keep their places, but nobody hears or reads them.

    :neurons           of the population
    :synapses          pairs [sender receiver] of recurrent synapses
    :sensory-synapses  pairs [input receiver]
    :population        which one, counted as in the state; 0

  Throws `:option-error` when there is no such synapse.

      (def network (lnn/create-network {:input-size 2 :hidden-size 8 :output-size 1}))
      (:synapses (lnn/ablate network :synapses [[0 1]])) ;=> 63"
  [network & options]
  (let [{:keys [neurons synapses sensory-synapses population] :or {population 0}}
        (options/check :ablate options)]
    (introduced (call-on network "ablate" (vec neurons) (mapv vec synapses)
                         (mapv vec sensory-synapses) population))))

(defn fixed-points
  "States at which a network rests while its input is held, the most visited first: found by
  Newton's method from many random states.

    inputs           (I) one sample; nil where a value is missing
    :time-constants  base time constants (N) in place of the learned ones
    :mask            (I), true where a value exists
    :elapsed-time    from sample to sample, for dynamics that are no differential equation; 1
    :starts          how many states to start from; 256
    :tolerance       the largest speed at a fixed point; 1e-10
    :seed            of the starts; 0
    :population      one alone, counted as in the state; all of them together
    :as              see the namespace

  Returns {:kind :stable :found :states (K, S) :speeds (K) :jacobians (K, S, S) :eigenvalues
  (K, S, 2) :outputs (K, O)}, where S counts the states of all populations, one after the other:
  whether each is stable, how many starts led there, and what the network says there, nil if it
  reads populations that were not looked at.

      (def network (lnn/create-network {:input-size 2 :hidden-size 4 :output-size 1 :seed 1}))
      (every? #(< % 1e-10) (:speeds (lnn/fixed-points network [0.5 -0.1]))) ;=> true"
  [network inputs & options]
  (let [{:keys [time-constants mask as] :or {as :vectors} :as checked}
        (options/check :fixed-points options)]
    (with-memory
      (let [given (run-arguments inputs time-constants {:mask mask})
            found (call-on network "fixed_points" given
                           (options/to-python (dissoc checked :time-constants :mask :as)))]
        (into (array-map)
              (for [[field value] found]
                [(options/kebab field)
                 (if (map? value) (arrays/read-array value as) value)]))))))

(defn- parameter-path
  "\"neurons.10.vleak\" -> [:neurons 10 :vleak]."
  [name]
  (mapv #(or (parse-long %) (options/kebab %)) (str/split name #"\.")))

(defn parameters
  "Every parameter as the equations see it: {:neurons [{:g ... :vleak ...}] :readout {...}}, one
  map a population. `:as` says what the numbers are, see the namespace.

      (def network (lnn/create-network {:input-size 2 :hidden-size 3 :output-size 1}))
      (-> (lnn/parameters network) :readout :bias count) ;=> 1
      (-> (lnn/parameters network) :neurons first keys set (contains? :vleak)) ;=> true"
  [network & options]
  (let [{:keys [as] :or {as :vectors}} (options/check :parameters options)
        found (reduce (fn [made [name described]]
                        (assoc-in made (parameter-path name) (arrays/read-array described as)))
                      {:neurons (sorted-map)}
                      (call-on network "parameters"))]
    (update found :neurons (comp vec vals))))

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
    (throw (wrong-type :parameters "a map as `parameters` returns it" changed)))
  (let [{:keys [neurons readout]} changed]
    (when-let [unknown (first (remove #{:neurons :readout} (keys changed)))]
      (throw (error :option-error unknown "is no part of a network; expected :neurons or :readout"
                    {:expected ":neurons or :readout"})))
    (with-memory
      (call-on network "set_parameters"
               (arrays/described
                (into {} (concat
                          (for [[index values] (map-indexed vector neurons), [name value] values]
                            [(parameter-name "neurons." index "." name) value])
                          (for [[name value] readout]
                            [(parameter-name "readout." name) value])))))))
  network)

(defn- write-file! [path ^bytes content]
  (try
    (with-open [file (io/output-stream (io/file (str path)))]
      (.write file content))
    (catch java.io.IOException e
      (throw (error :file-error :path (ex-message e))))))

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
  [network & options]
  (let [{:keys [picture inputs time-constants population path]
         :or {picture :wiring population 0} :as checked} (options/check :draw options)
        png (with-memory
              (let [given (when (some? inputs) (run-arguments inputs time-constants checked))]
                (arrays/read-array (call-on network "draw" (options/to-python picture) given
                                            population)
                                   :bytes)))]
    (if path
      (do (write-file! path png) path)
      png)))

;; -- files ----------------------------------------------------------------------------------

(defn save
  "Writes a network, or a forecaster, to a `.lnn` file, which Python reads too; the old file is
  replaced in one step. Returns the path.

    :metadata  plain data kept with a network

      (def network (lnn/create-network {:input-size 2 :hidden-size 3 :output-size 1}))
      (lnn/save network \"small.lnn\" {:metadata {:note \"an example\"}}) ;=> \"small.lnn\""
  [model path & options]
  (options/check-value :path ::options/a-path path)
  (if (forecaster? model)
    (do (options/check :forecaster/save options)
        (runtime/call-on (::forecaster model) "save_forecaster" [(str path)]))
    (let [{:keys [metadata]} (options/check :save options)]
      (call-on model "save" (str path) (options/plain metadata :metadata))))
  path)

(defn load-network
  "The network in a `.lnn` file, however it was made. `meta` of it has the :metadata it was saved
  with, and :scaling if it was trained on a table. Safe with files from strangers.

  Throws `:model-file-error` when the file is corrupt, hostile or of an unknown version,
  `:file-error` when it cannot be read.

      (def network (lnn/create-network {:input-size 2 :hidden-size 3 :output-size 1}))
      (lnn/save network \"small.lnn\" {:metadata {:note \"an example\"}})
      (:metadata (meta (lnn/load-network \"small.lnn\"))) ;=> {:note \"an example\"}"
  [path]
  (options/check-value :path ::options/a-path path)
  (introduced (runtime/call "load_network" [(str path)])))

(defn export
  "Writes a network, or a forecaster, for where there is neither Clojure nor Python, into a folder.
  Returns the paths of the files.

    :to            :c (default), one file of C with its header, a `main.c` and a `Makefile` to try
                   it; :onnx; or :html, a page in which the network runs
    :name          what files and functions begin with, default \"network\"
    :elapsed-time  of C, where the time between two samples is always the same
    :numbers       of C, :float32 (default), :float16, :int16 or :int8
    :layout        of C, :plain (default), or :arduino, a library with an example sketch

      (def network (lnn/create-network {:input-size 2 :hidden-size 3 :output-size 1}))
      (lnn/export network \"firmware\" {:name \"pilot\"})
      ;=> [\"firmware/pilot.h\" \"firmware/pilot.c\" \"firmware/main.c\" \"firmware/Makefile\"]"
  [model folder & options]
  (let [given (options/to-python (options/check :export options))]
    (vec (if (forecaster? model)
           (runtime/call-on (::forecaster model) "export_forecaster" [(str folder) given])
           (call-on model "export_network" (str folder) given)))))

;; -- conformance ----------------------------------------------------------------------------

(defn conformance
  "Runs the conformance vectors of the specification through this very process: a vector of
  {:name :dtype :passed :error :message}. Without a folder, those of this checkout.

      (every? :passed (lnn/conformance)) ;=> true"
  ([] (conformance (when environment/root (io/file environment/root "spec" "vectors"))))
  ([folder] (mapv options/to-clojure (runtime/call "conformance" [(some-> folder str)]))))
