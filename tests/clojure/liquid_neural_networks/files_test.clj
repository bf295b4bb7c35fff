(ns liquid-neural-networks.files-test
  (:require [clojure.edn :as edn]
            [clojure.java.io :as io]
            [clojure.test :refer [deftest is testing]]
            [liquid-neural-networks.core :as lnn]
            [liquid-neural-networks.helpers :refer [error python root small temporary wave]]))

(deftest a-network-trained-here-runs-in-python-and-back
  (let [network (small {:solver :exponential :num-layers 2})
        here (temporary "here.lnn") there (temporary "there.lnn")
        inputs [[[0.1] [0.2] [0.3]]]]
    (lnn/train! network (wave 12) {:epochs 2 :progress false})
    (lnn/save network here {:metadata {:note "hello" :made-by {:versions [1 2 3]}}})
    (let [printed (python "
import sys, torch
from liquid_neural_networks import LiquidNetwork, model_file
torch.set_num_threads(1)
found = model_file.load(sys.argv[1])
assert found.metadata == {'note': 'hello', 'made-by': {'versions': [1, 2, 3]}}, found.metadata
inputs = torch.tensor([[[0.1], [0.2], [0.3]]])
network = LiquidNetwork.from_model(found)
print(network(inputs).flatten().tolist())
with torch.no_grad():
    network.readout.bias += 1
network.save(sys.argv[2], note='from there')
print(network(inputs).flatten().tolist())
" here there)
          [first-line second-line] (map edn/read-string (.split ^String printed "\n"))
          back (lnn/load-network there)]
      (is (= first-line (flatten (lnn/forward network inputs))))
      (is (= second-line (flatten (lnn/forward back inputs))))
      (is (= {:note "from there"} (:metadata (meta back))))
      (is (= (str network) (str back))))))

(deftest keys-of-metadata-keep-their-namespaces
  (let [path (temporary "named.lnn")
        metadata {:my.app/run 1 :plain {:my.app/deep [{"text" true}]}}]
    (lnn/save (small) path {:metadata metadata})
    (is (= {:my.app/run 1 :plain {:my.app/deep [{:text true}]}}
           (:metadata (meta (lnn/load-network path)))))))

(deftest what-was-saved-is-loaded
  (let [network (small {:dtype :float64 :bidirectional true})
        path (io/file (temporary "double.lnn"))]
    (is (= path (lnn/save network path)))
    (let [again (lnn/load-network path)]
      (is (nil? (:metadata (meta again))))
      (is (= (lnn/parameters network) (lnn/parameters again)))
      (is (= (lnn/describe network) (lnn/describe again))))))

(deftest bad-files-are-refused
  (let [hostile (.listFiles (io/file root "spec" "files" "hostile"))]
    (is (< 50 (count hostile)))
    (doseq [file hostile]
      (is (= :model-file-error (:type (error (lnn/load-network file)))) (str file))))
  (testing "a file that is not there"
    (let [data (error (lnn/load-network "nowhere.lnn"))]
      (is (= [:file-error "FileNotFoundError"] [(:type data) (:python/type data)]))))
  (testing "what cannot be kept"
    (let [path (temporary "odd.lnn")]
      (is (= :dtype-error (:type (error (lnn/save (small) path {:metadata {:when (Object.)}})))
             (:type (error (lnn/save (small) path {:metadata 3})))))
      (is (not (.exists (io/file path)))))))

(deftest networks-leave-for-where-there-is-neither
  (let [folder (str (temporary "firmware"))
        file #(io/file folder %)]
    (is (= (mapv #(str (file %)) ["pilot.h" "pilot.c" "main.c" "Makefile"])
           (lnn/export (small) folder {:name "pilot" :elapsed-time 0.5})))
    (is (.contains ^String (slurp (file "pilot.h")) "#define PILOT_ELAPSED_TIME 0.5f"))
    (lnn/export (small) folder {:name "whole" :numbers :int16})
    (is (.contains ^String (slurp (file "whole.h")) "int16_t whole_input(int k, float value);"))
    (is (= (mapv #(str (file %)) ["library.properties" "src/tiny.h" "src/tiny.c"
                                  "examples/tiny/tiny.ino"])
           (lnn/export (small) folder {:name "tiny" :numbers :int8 :layout :arduino})))
    (is (= {:type :option-error :argument :elapsed-time}
           (select-keys (error (lnn/export (small) folder {:to :html :elapsed-time 1}))
                        [:type :argument])))
    (is (= :option-error (:type (error (lnn/export (small {:solver :adaptive}) folder)))))))

(deftest forecasters-leave-with-what-they-start-from
  (let [wave (map #(+ 20.0 (* 5.0 (Math/sin (/ % 3.0)))) (range 120))
        folder (str (temporary "forecasts"))
        forecaster (lnn/fit-table {:level wave} :level {:epochs 1 :hidden-size 3 :progress false
                                                        :baseline :linear :quantiles [0.1 0.9]})]
    (is (= 4 (count (lnn/export forecaster folder {:name "level"}))))
    (let [header (slurp (io/file folder "level.h"))]
      (is (.contains ^String header "level_past past;"))
      (is (.contains ^String header "outputs[1]: level, 1 sample ahead, quantile 0.9")))
    (is (= {:type :option-error :argument :numbers}
           (select-keys (error (lnn/export forecaster folder {:numbers :int16}))
                        [:type :argument])))))
