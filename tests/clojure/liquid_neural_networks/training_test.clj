(ns liquid-neural-networks.training-test
  (:require [clojure.edn :as edn]
            [clojure.java.io :as io]
            [clojure.test :refer [are deftest is testing]]
            [liquid-neural-networks.core :as lnn]
            [liquid-neural-networks.helpers :refer [close? error python small temporary wave]]))

(def data (wave 20))

(defn- train [network options]
  (lnn/train! network data (merge {:epochs 3 :progress false} options)))

(deftest a-training-is-data
  (let [network (small)
        before (lnn/evaluate network data)
        history (train network {:valid (wave 4)})
        after (lnn/evaluate network data)]
    (is (= #{:train-loss :valid-loss :epochs :best-epoch :best-loss :ended} (set (keys history))))
    (is (= [3 3 3] [(:epochs history) (count (:train-loss history)) (count (:valid-loss history))]))
    (is (= :finished (:ended history)))
    (is (= (:best-loss history) (apply min (:valid-loss history))
           (nth (:valid-loss history) (dec (:best-epoch history)))))
    (is (< (:mse after) (:mse before)))
    (is (= (map vector (range 1 4) (:train-loss history) (:valid-loss history))
           (map (juxt :epoch :train-loss :valid-loss) (lnn/epochs history))))
    (is (= [:epoch :train-loss] (keys (first (lnn/epochs (assoc history :valid-loss []))))))
    (is (= 320 (:count after)))))

(deftest it-ends-with-the-loss-of-python-bit-for-bit
  (let [options {:input-size 1 :hidden-size 12 :output-size 1 :seed 5}
        network (lnn/create-network options)
        history (lnn/train! network data {:epochs 4 :batch-size 8 :seed 9 :valid (wave 5)
                                          :schedule :cosine :progress false})
        printed (python "
import sys, math, torch
from liquid_neural_networks import LiquidNetwork
from liquid_neural_networks.data import Windows
from liquid_neural_networks.training import fit
torch.set_num_threads(1)
def wave(windows):
    rows = lambda shift: torch.tensor([[[math.sin(0.3 * (t + shift + 7 * w))] for t in range(16)]
                                       for w in range(windows)], dtype=torch.float64)
    return Windows(rows(0), rows(1))
network = LiquidNetwork(1, 12, 1, seed=5)
history = fit(network, wave(20), wave(5), epochs=4, batch_size=8, seed=9, schedule='cosine',
              progress=False)
outputs = network(torch.tensor([[[0.1], [0.2], [0.3]]])).flatten().tolist()
print('{:train-loss', history.train_loss, ':valid-loss', history.valid_loss, ':outputs', outputs, '}')
")
        expected (edn/read-string printed)]
    (is (= (:train-loss expected) (:train-loss history)))
    (is (= (:valid-loss expected) (:valid-loss history)))
    (is (= (:outputs expected) (flatten (lnn/forward network [[[0.1] [0.2] [0.3]]]))))))

(deftest the-callback-sees-every-epoch
  (let [seen (atom [])
        history (train (small) {:valid (wave 4) :on-epoch #(swap! seen conj %)})]
    (is (= [1 2 3] (map :epoch @seen)))
    (is (= (:train-loss history) (map :train-loss @seen)))
    (is (= (:valid-loss history) (map :valid-loss @seen)))
    (is (= (:best-epoch history) (:best-epoch (last @seen)))))
  (testing "and may use the network meanwhile"
    (let [network (small) outputs (atom [])]
      (train network {:on-epoch (fn [_] (swap! outputs conj (lnn/forward network [[0.5]])))})
      (is (= 3 (count (set @outputs))))
      (is (= (last @outputs) (lnn/forward network [[0.5]])))))
  (testing "and the caller's bindings"
    (is (re-find #"epoch 3"
                 (with-out-str (train (small) {:on-epoch #(println "epoch" (:epoch %))}))))))

(defn- in-time
  "The result of a body that might wait for ever."
  [f]
  (deref (future (f)) 60000 :deadlock))

(deftest the-callback-may-use-other-threads
  (let [network (small)
        counter (agent 0)
        run #(lnn/forward network [[0.5] [0.25]])
        seen (atom {})]
    (is (= :finished
           (:ended (in-time
                    #(train network
                            {:on-epoch
                             (fn [_]
                               (swap! seen assoc
                                      :here (run)
                                      :future @(future (run))
                                      :pmap (vec (pmap (fn [_] (run)) (range 8)))
                                      :agent (do (send-off counter (fn [_] (run)))
                                                 (await counter)
                                                 @counter)
                                      :training (:epochs (train (small) {:epochs 2}))
                                      :other-training @(future (:epochs (train (small) {:epochs 2}))))
                               nil)})))))
    (is (= [2 2] ((juxt :training :other-training) @seen)))
    (is (= (repeat 11 (run)) (into (:pmap @seen) ((juxt :here :future :agent) @seen)))))
  (testing "and stop every training"
    (is (= :stopped (:ended (in-time #(train (small) {:epochs 100000
                                                      :on-epoch (fn [_]
                                                                  @(future (lnn/stop-trainings!))
                                                                  nil)})))))))

(deftest two-hundred-trainings-with-pmap-in-their-callbacks
  (let [network (small)
        inputs [[0.5] [0.25]]
        expected (lnn/forward network inputs)
        data (wave 2)
        one (fn [_]
              (let [seen (atom [])]
                (lnn/train! (small) data
                            {:epochs 1 :progress false
                             :on-epoch (fn [_]
                                         (swap! seen into (pmap (fn [_] (lnn/forward network inputs))
                                                                (range 3)))
                                         nil)})
                @seen))]
    (is (= (repeat 200 (repeat 3 expected)) (in-time #(doall (pmap one (range 200))))))))

(deftest the-callback-can-stop
  (let [history (train (small) {:epochs 50 :on-epoch #(when (= 2 (:epoch %)) :stop)})]
    (is (= [2 :callback] [(:epochs history) (:ended history)]))))

(deftest what-the-callback-throws-surfaces
  (let [thrown (ex-info "mine" {:mine true})
        network (small)
        path (temporary "best.lnn")]
    (is (identical? thrown (try (train network {:epochs 50 :save-to path
                                                :on-epoch #(when (= 2 (:epoch %)) (throw thrown))})
                                (catch Exception e e))))
    (testing "with the best network kept"
      (is (= (lnn/parameters network) (lnn/parameters (lnn/load-network path)))))
    (testing "and everything still works"
      (is (= 3 (:epochs (train network {})))))))

(deftest patience-ends-it
  (let [history (lnn/train! (small) data {:epochs 500 :patience 1 :learning-rate 0.5
                                          :valid (wave 3) :progress false})]
    (is (< (:epochs history) 500))
    (is (= (inc (:best-epoch history)) (:epochs history)))))

(deftest the-best-network-is-saved
  (let [path (temporary "best.lnn") network (small) files (atom [])]
    (train network {:save-to path :on-epoch (fn [_] (swap! files conj (slurp path)))})
    (is (= 3 (count (set @files))))
    (is (= (lnn/parameters network) (lnn/parameters (lnn/load-network path))))))

(deftest an-interrupted-training-goes-on
  (let [checkpoint (temporary "training.ckpt")
        whole (small) parts (small)]
    (train whole {:epochs 4})
    (train parts {:epochs 4 :checkpoint (io/file checkpoint)
                  :on-epoch #(when (= 2 (:epoch %)) :stop)})
    (let [history (train parts {:epochs 4 :checkpoint checkpoint :resume true})]
      (is (= 4 (:epochs history)))
      (is (= (lnn/parameters whole) (lnn/parameters parts))))))

(deftest trainings-stop-when-asked
  (testing "from another thread"
    (let [started (promise)
          training (future (train (small) {:epochs 100000 :on-epoch (fn [_] (deliver started true) nil)}))]
      @started
      (is (= 1 (lnn/stop-trainings!)))
      (is (= :stopped (:ended (deref training 10000 nil))))
      (is (= 0 (lnn/stop-trainings!)))))
  (testing "when their thread is interrupted"
    (let [started (promise) ended (promise)
          thread (Thread. #(deliver ended (:ended (train (small) {:epochs 100000
                                                                  :on-epoch (fn [_] (deliver started true) nil)}))))]
      (.start thread)
      @started
      (.interrupt thread)
      (is (= :stopped (deref ended 10000 nil))))))

(deftest classes-are-targets-of-one-dimension-less
  (let [classifier (lnn/create-network {:input-size 1 :hidden-size 6 :output-size 2 :seed 1
                                        :return-sequences false})
        rows (for [n (range 24)] (repeat 5 [(if (even? n) 1.0 -1.0)]))
        data {:inputs rows :targets (for [n (range 24)] (mod n 2))}
        history (lnn/train! classifier data {:epochs 30 :progress false})]
    (is (< (last (:train-loss history)) (first (:train-loss history))))
    (is (= 1.0 (:accuracy (lnn/evaluate classifier data))))
    (is (= [[12 0] [0 12]] (:confusion (lnn/evaluate classifier data)))))
  (testing "one a sample, nil where unknown"
    (let [labeller (lnn/create-network {:input-size 1 :hidden-size 6 :output-size 2 :seed 1})
          data {:inputs [[[0.1] [0.9]] [[0.8] [0.2]]] :targets [[0 1] [nil 0]]}]
      (is (= 1 (:epochs (lnn/train! labeller data {:epochs 1 :progress false}))))
      (is (= 3 (:count (lnn/evaluate labeller data)))))))

(deftest missing-values-and-irregular-times
  (let [data {:inputs [[[0.1 nil] [0.2 0.3]] [[nil 0.5] [0.6 0.7]]]
              :targets [[[1.0] [nil]] [[0.5] [0.25]]]
              :elapsed-time [[1.0 0.3] [1.0 2.5]]}
        network #(lnn/create-network {:input-size 2 :hidden-size 4 :output-size 1 :seed 2})
        masked (assoc data :inputs [[[0.1 7] [0.2 0.3]] [[7 0.5] [0.6 0.7]]]
                      :mask [[[true false] [true true]] [[false true] [true true]]])
        train #(let [n (network)] [(lnn/train! n % {:epochs 3 :progress false}) (lnn/parameters n)])]
    (is (= (train data) (train masked)))
    (is (not= (train data) (train (dissoc data :elapsed-time))))
    (is (= 3 (:count (lnn/evaluate (network) data))))
    (is (= (lnn/predict (network) data)
           (lnn/forward (network) (:inputs data) nil {:elapsed-time (:elapsed-time data)})))))

(deftest predict-goes-batch-by-batch
  (let [network (small)]
    (is (close? 1e-6 (lnn/forward network (:inputs data)) (lnn/predict network data)))
    (is (close? 1e-6 (lnn/predict network data) (lnn/predict network data {:batch-size 3})))
    (is (= (flatten (lnn/predict network data))
           (map double (lnn/predict network {:inputs (:inputs data)} {:as :float-array}))))))

(deftest dropout-is-only-for-training
  (let [network (small {:num-layers 2 :dropout 0.9 :hidden-size 12})
        once #(lnn/forward network [[0.1] [0.2]])
        dropped #(lnn/forward network [[0.1] [0.2]] nil {:dropout true})
        during (atom [])]
    (is (= (once) (once)))
    (train network {:on-epoch (fn [_] (swap! during conj (= (once) (once) @(future (once)))) nil)})
    (is (= [true true true] @during) "nor while it is being trained")
    (is (= (once) (once)))
    (testing "unless it is asked for"
      (is (< 1 (count (distinct (repeatedly 10 dropped)))))
      (is (= (once) (once)))
      (is (= 1 (count (distinct (repeatedly 3 #(lnn/forward (small) [[0.1]] nil :dropout true)))))))))

(deftest progress-is-one-line
  (let [line (binding [*err* (java.io.StringWriter.)]
               (train (small) {:progress true})
               (str *err*))]
    (is (re-find #"epoch 3/3  train [\d.e-]+  best epoch 3" line))
    (is (= 1 (count (filter #{\newline} line))))))

(deftest bad-trainings-are-refused
  (are [type argument data options]
       (= {:type type :argument argument}
          (select-keys (error (lnn/train! (small) data (merge {:progress false} options)))
                       [:type :argument]))
    :dtype-error :data [] {}
    :option-error :targets {:inputs [[[1]]]} {}
    :option-error :inputs {:targets [[[1]]]} {}
    :option-error :input {:inputs [[[1]]] :targets [[[1]]] :input 3} {}
    :option-error :windows (assoc data :windows 3) {}
    :shape-error :inputs {:inputs [[1]] :targets [[[1]]]} {}
    :shape-error :targets {:inputs [[[1]]] :targets [[[1 2]]]} {}
    :shape-error :targets {:inputs [[[1]]] :targets [[[1]] [[2]]]} {}
    :domain-error :epochs data {:epochs 0}
    :domain-error :learning-rate data {:learning-rate -1.0}
    :option-error :schedule data {:schedule :linear}
    :option-error :resume data {:resume true}
    :option-error :epoch data {:epoch 3}
    :dtype-error :on-epoch data {:on-epoch 3}
    :dtype-error :epochs data {:epochs "many"})
  (testing "a loss that explodes leaves a usable network"
    (let [network (small {:solver :euler :unfolds 1})]
      (is (= {:type :domain-error :argument :loss}
             (select-keys (error (lnn/train! network
                                             (update data :inputs #(for [w %] (for [[x] w] [(* 1e30 x)])))
                                             {:epochs 20 :learning-rate 100.0 :progress false}))
                          [:type :argument]))))))
